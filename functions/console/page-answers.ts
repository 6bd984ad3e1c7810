/** The page itself, as files: nothing secret is in them, so that anybody may load them. */
import { ICON } from '../html.ts';
import type { Answer } from '../local/http.ts';
import type { Page } from './build-page.ts';

/** `style-src` admits the one file; libraries set single properties by script, which it does not concern. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Token broker</title>
<link rel="icon" href="/console/icon.svg">
<link rel="stylesheet" href="/console/page.css">
<script type="module" src="/console/page.js"></script>
</head>
<body>
<noscript>The console needs JavaScript; the command token-broker does the same without.</noscript>
</body>
</html>
`;

/** @returns undefined where no file of the page is there */
export async function pageAnswer(path: string, page: () => Promise<Page>): Promise<Answer | undefined> {
  switch (path) {
    case '/':
      return file('text/html; charset=utf-8', HTML);
    case '/console/icon.svg':
      return file('image/svg+xml', ICON);
    case '/console/page.js':
      return file('text/javascript; charset=utf-8', (await page()).script);
    case '/console/page.css':
      return file('text/css; charset=utf-8', (await page()).style);
    default:
      return undefined;
  }
}

function file(type: string, body: string): Answer {
  return { status: 200, headers: { ...HEADERS, 'content-type': type }, body };
}

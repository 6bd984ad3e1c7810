/** What every page is made of, the broker's own and the simulated vendors'. */

/** Of the broker's own pages: SVG. */
export const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0f766e"/><path d="M11 16a5 5 0 1 1 9.6 2H27v4h-3v3h-4v-3h-1.2A5 5 0 0 1 11 16z" fill="#fff"/><circle cx="14.5" cy="15.5" r="1.8" fill="#0f766e"/></svg>';

/** Text made safe to stand in HTML, in an attribute too. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Name and value, one pair a line. */
export function facts(pairs: Readonly<Record<string, string>>): string {
  const rows = Object.entries(pairs).map(
    ([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`,
  );
  return `<dl>${rows.join('')}</dl>`;
}

interface HtmlPage {
  readonly title: string;
  readonly style: string;
  /** HTML, escaped already. */
  readonly body: string;
  /** SVG. */
  readonly icon?: string;
  /** Where a browser goes on at once. */
  readonly leadsTo?: string;
}

/** A whole page, readable on a phone and in the dark. */
export function htmlPage({ title, style, body, icon, leadsTo }: HtmlPage): string {
  const link = icon && `\n<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">`;
  const onward = leadsTo && `\n<meta http-equiv="refresh" content="0;url=${escaped(leadsTo)}">`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escaped(title)}</title>${link ?? ''}${onward ?? ''}
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

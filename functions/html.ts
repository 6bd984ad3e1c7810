/** What every page is made of, the broker's own and the simulated vendors'. */

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
}

/** A whole page, readable on a phone and in the dark. */
export function htmlPage({ title, style, body, icon }: HtmlPage): string {
  const link = icon && `\n<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escaped(title)}</title>${link ?? ''}
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

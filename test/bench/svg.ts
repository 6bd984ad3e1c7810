/** What the plots are drawn with. */
import type { THEMES } from '../../.github/picture.ts';

export type Theme = (typeof THEMES)[keyof typeof THEMES];

export function svg(title: string, [width, height]: readonly [number, number], body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-size="12" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">
<title>${escaped(title)}</title>
${body}
</svg>
`;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

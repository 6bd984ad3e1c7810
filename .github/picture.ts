/** Draws the README's picture, light and dark: `node .github/picture.ts`. */
import { writeFileSync } from 'node:fs';

export const THEMES = {
  light: {
    ink: '#1f2328',
    quiet: '#59636e',
    line: '#818b98',
    box: '#f6f8fa',
    core: '#ddf4ff',
    accent: '#0969da',
  },
  dark: {
    ink: '#f0f6fc',
    quiet: '#9198a1',
    line: '#656c76',
    box: '#151b23',
    core: '#121d2f',
    accent: '#4493f8',
  },
} as const;

type Theme = (typeof THEMES)[keyof typeof THEMES];

/** Left edge, top edge, width, height. */
type Frame = readonly [number, number, number, number];

export function draw({ ink, quiet, line, box, core, accent }: Theme): string {
  const frame = ([x, y, width, height]: Frame, fill: string, stroke: string) =>
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8" fill="${fill}" stroke="${stroke}"/>`;
  const text = (x: number, y: number, size: number, color: string, words: string, more = '') =>
    `<text x="${x}" y="${y}" font-size="${size}" fill="${color}" text-anchor="middle"${more}>${words}</text>`;
  const block = (
    at: Frame,
    title: string,
    lines: readonly string[],
    fill: string = box,
    stroke: string = line,
  ) => {
    const [x, y, width, height] = at;
    const middle = x + width / 2;
    const top = y + height / 2 - lines.length * 9 + 5;
    return [
      frame(at, fill, stroke),
      text(middle, top, 15, ink, title, ' font-weight="600"'),
      ...lines.map((words, index) => text(middle, top + 19 + index * 18, 12.5, quiet, words)),
    ].join('\n');
  };
  const arrow = (path: string) => `<path d="${path}" fill="none" stroke="${accent}" marker-end="url(#tip)"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 300" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">
<title>The token broker between callers and vendors</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="${accent}"/></marker></defs>
<g stroke-width="1.5">
${frame([220, 10, 440, 280], 'none', line)}
${block([10, 36, 150, 84], 'Callers', ['functions, services,', 'jobs, scripts'])}
${block([10, 196, 150, 74], 'A person', ['consents once'])}
${block([250, 36, 180, 84], 'Token broker', ['who may ask?', 'which token?'], core, accent)}
${block([470, 36, 160, 84], 'Secrets Manager', ['client secrets,', 'private keys'])}
${block([250, 196, 180, 74], 'DynamoDB', ['tokens, refresh tokens,', 'sealed'])}
${block([470, 196, 160, 74], 'Refresher', ['renews before expiry'])}
${block([720, 36, 150, 84], 'Vendors', ['OAuth 2.0 servers'])}
${arrow('M160 68H248')}
${arrow('M250 92H162')}
${arrow('M430 78H468')}
${arrow('M340 120V194')}
${arrow('M470 220C446 200 420 160 410 122')}
${arrow('M340 36V22H795V34')}
${arrow('M85 196V158H300V122')}
</g>
${text(190, 60, 12.5, quiet, 'IAM')}
${text(190, 110, 12.5, quiet, 'token')}
${text(190, 150, 12.5, quiet, 'grant')}
${text(585, 284, 11.5, quiet, 'your AWS account')}
</svg>
`;
}

if (import.meta.main) {
  for (const [name, theme] of Object.entries(THEMES)) {
    writeFileSync(new URL(`picture-${name}.svg`, import.meta.url), draw(theme));
  }
}

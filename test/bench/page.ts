/** Writes the page about figures, and its plot, from what `npm run bench -- --json` has said: `node test/bench/page.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { THEMES } from '../../.github/picture.ts';
import { type Report, type Row, shareOfGoal, short, verdict } from './report.ts';
import { escaped, svg, type Theme } from './svg.ts';

const at = (name: string) => new URL(name, import.meta.url);

export function figures(): Report {
  return JSON.parse(readFileSync(at('figures.json'), 'utf8')) as Report;
}

/** The tables, in Markdown. */
export function tables({ date, machine, topics }: Report): string {
  const sections = Object.values(topics).map(({ title, rows }) =>
    [
      `### ${title}`,
      '',
      '| | | Middle half | Compared | Goal |',
      '|---|--:|--:|---|---|',
      ...rows.map(tableRow),
    ].join('\n'),
  );
  return [`Measured on ${date.slice(0, 10)}: ${machine}.`, ...sections].join('\n\n');
}

function tableRow(row: Row): string {
  const { what, value, unit, quartiles, ratio, comparedWith } = row;
  const cells = [
    what,
    `${short(value)} ${unit}`.trim(),
    quartiles ? quartiles.map(short).join(' to ') : '',
    ratio === undefined ? '' : `${short(ratio)} × ${comparedWith}`,
    verdict(row),
  ];
  return `| ${cells.join(' | ')} |`;
}

const BAR = { left: 520, unit: 150, most: 2.4, height: 22 };

/** Each figure that has a goal, as a share of it. */
export function plot({ topics }: Report, { ink, quiet, line, accent }: Theme): string {
  const rows = Object.entries(topics).flatMap(([topic, { rows }]) =>
    rows.flatMap((row) => {
      const share = shareOfGoal(row);
      return share === undefined ? [] : [{ name: `${topic}: ${row.what}`, share }];
    }),
  );
  const bars = rows.map(({ name, share }, index) => {
    const y = 30 + index * BAR.height;
    const width = Math.min(share, BAR.most) * BAR.unit;
    return [
      `<text x="${BAR.left - 10}" y="${y + 14}" fill="${ink}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${BAR.left}" y="${y + 3}" width="${width.toFixed(1)}" height="14" rx="2" fill="${share <= 1 ? accent : quiet}"/>`,
      `<text x="${(BAR.left + width + 6).toFixed(1)}" y="${y + 14}" fill="${quiet}">${share.toFixed(2)}</text>`,
    ].join('\n');
  });
  const height = 40 + rows.length * BAR.height;
  const goal = BAR.left + BAR.unit;
  return svg(
    'Figures as shares of their goals; 1 or less meets the goal',
    [940, height],
    `${bars.join('\n')}
<path d="M${goal} 22V${height - 6}" stroke="${line}" stroke-dasharray="4 3"/>
<text x="${goal}" y="16" fill="${quiet}" text-anchor="middle">goal</text>`,
  );
}

/** The page, with this between the two comments that name it. */
export function rewritten(page: string, name: string, text: string): string {
  const between = new RegExp(`(?<=<!-- ${name} -->\\n).*(?=<!-- end of ${name} -->)`, 's');
  return page.replace(between, () => `\n${text}\n\n`);
}

if (import.meta.main) {
  const report = figures();
  const page = readFileSync(at('README.md'), 'utf8');
  writeFileSync(at('README.md'), rewritten(page, 'figures', tables(report)));
  for (const [name, theme] of Object.entries(THEMES))
    writeFileSync(at(`figures-${name}.svg`), plot(report, theme));
}

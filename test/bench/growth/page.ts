/** Writes the tables and the plots of `infra/CAPACITY.md`: `node test/bench/growth/page.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { THEMES } from '../../../.github/picture.ts';
import { rewritten } from '../page.ts';
import { grantTable, growthTable, requestTable } from './capacity.ts';
import { costPlot, vendorPlot } from './plots.ts';

/** By the comments between which they stand. */
export const TABLES = { requests: requestTable, grants: grantTable, simulation: growthTable };
/** By the names of their files here. */
export const PLOTS = { vendor: vendorPlot, cost: costPlot };

const PAGE = new URL('../../../infra/CAPACITY.md', import.meta.url);

if (import.meta.main) {
  const page = Object.entries(TABLES).reduce(
    (text, [name, table]) => rewritten(text, name, table()),
    readFileSync(PAGE, 'utf8'),
  );
  writeFileSync(PAGE, page);
  for (const [name, draw] of Object.entries(PLOTS))
    for (const [theme, colors] of Object.entries(THEMES))
      writeFileSync(new URL(`${name}-${theme}.svg`, import.meta.url), draw(colors));
}

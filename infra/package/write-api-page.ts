/** Writes `API.md` anew: `npm run api`, after a change to what the package exports. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiPage } from './api-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'token-broker-types-'));
const here = fileURLToPath(new URL('.', import.meta.url));
execFileSync('tsc', ['-p', here, '--outDir', folder], { stdio: 'inherit' });
writeFileSync(process.argv[2] ?? join(here, '../../API.md'), apiPage(folder));
rmSync(folder, { recursive: true });

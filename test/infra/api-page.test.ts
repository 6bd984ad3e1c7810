import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/pages.ts';

test('API.md is what the declarations and docstrings say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-api-'));
  try {
    const page = join(folder, 'API.md');
    execFileSync(process.execPath, [join(ROOT, 'infra/package/write-api-page.ts'), page]);
    const kept = readFileSync(join(ROOT, 'API.md'), 'utf8');
    expect(kept, 'API.md is stale: npm run api').toBe(readFileSync(page, 'utf8'));
    for (const name of ['TokenBroker', 'TokenBrokerProps', 'ConnectionMembers', 'createTokenClient'])
      expect(kept).toContain(`### ${name}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { everything, synthesize } from './synth.ts';

const folder = mkdtempSync(join(tmpdir(), 'cfn-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const installed = spawnSync('cfn-lint', ['--version']).status === 0;

test.runIf(installed).each([
  ['the default deployment', {}],
  ['a deployment with everything switched on', { props: everything }],
])('cfn-lint finds nothing in %s', (name, options) => {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(synthesize(options).template.toJSON()));
  // W3005: CDK itself writes dependencies that references imply already.
  const { status, stdout } = spawnSync('cfn-lint', ['--ignore-checks', 'W3005', '--', file], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

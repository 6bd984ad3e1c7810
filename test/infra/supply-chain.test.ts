import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundle, PROGRAMS } from '../../infra/bundling/bundle.ts';
import { billOfMaterials, licensesOf, packagesIn } from '../../infra/package/compiled-in.ts';

const root = new URL('../..', import.meta.url).pathname;
const inputs = PROGRAMS.flatMap((program) => Object.keys(bundle(program).inputs));

test('what is bundled into the functions is listed with versions, under licences that ask for no more than their text', () => {
  const packages = packagesIn(inputs, root);
  const bill = JSON.parse(billOfMaterials({ name: 'token-broker', version: '1.2.3' }, packages));
  expect(bill).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    metadata: { component: { name: 'token-broker', purl: 'pkg:npm/token-broker@1.2.3' } },
  });
  const { version } = packages.find(({ name }) => name === '@aws-sdk/client-dynamodb')!;
  expect(bill.components).toHaveLength(packages.length);
  expect(bill.components).toContainEqual(
    expect.objectContaining({
      group: '@aws-sdk',
      name: 'client-dynamodb',
      version,
      purl: `pkg:npm/%40aws-sdk/client-dynamodb@${version}`,
      licenses: [{ license: expect.objectContaining({ id: 'Apache-2.0' }) }],
    }),
  );
  const text = licensesOf(packages);
  for (const { name } of packages) expect(text).toContain(`## ${name} `);
});

test('a package under another licence stops the build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-licence-'));
  try {
    mkdirSync(join(folder, 'node_modules/copyleft'), { recursive: true });
    const manifest = { name: 'copyleft', version: '1.0.0', license: 'AGPL-3.0-or-later' };
    writeFileSync(join(folder, 'node_modules/copyleft/package.json'), JSON.stringify(manifest));
    expect(() => packagesIn(['node_modules/copyleft/index.js'], folder)).toThrow(
      /copyleft \(AGPL-3.0-or-later\)\. Admitted are 0BSD, Apache-2.0/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('nothing that users install runs a script', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const packages: Record<string, { hasInstallScript?: true; dev?: true }> = lock.packages;
  const scripted = Object.entries(packages)
    .filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev)
    .map(([path]) => path);
  expect(scripted).toEqual([]);
});

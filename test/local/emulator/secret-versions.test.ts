import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addVersion, moveStage, versionOf } from '../../../functions/local/emulator/secret-versions.ts';
import type { SecretRecord } from '../../../functions/local/emulator/secrets-file.ts';

const empty: SecretRecord = { name: 's', arn: 'arn', tags: {}, createdAt: 0, changedAt: 0, versions: {} };
const stages = fc.subarray(['AWSCURRENT', 'AWSPENDING', 'AWSPREVIOUS', 'mine'], { minLength: 1 });

test('whatever is put, each label is on one version at most, and AWSCURRENT on exactly one', () => {
  fc.assert(
    fc.property(fc.array(stages, { minLength: 1, maxLength: 40 }), (puts) => {
      let secret = empty;
      for (const [i, labels] of puts.entries()) {
        const before = versionOf(secret, 'AWSCURRENT');
        secret = addVersion(secret, `v${i}`, { SecretString: `${i}` }, labels, i);
        const all = Object.values(secret.versions).flatMap((version) => version.stages);
        expect(new Set(all).size).toBe(all.length);
        expect(all).toContain('AWSCURRENT');
        expect(versionOf(secret, 'AWSCURRENT')).toBe(
          labels.includes('AWSCURRENT') || !before ? `v${i}` : before,
        );
      }
    }),
  );
});

test('moving AWSCURRENT back and forth swaps it with AWSPREVIOUS', () => {
  const one = addVersion(empty, 'a', { SecretString: '1' }, ['AWSCURRENT'], 1);
  const two = addVersion(one, 'b', { SecretString: '2' }, ['AWSCURRENT'], 2);
  const back = moveStage(two.versions, 'AWSCURRENT', 'a');
  expect([back.a?.stages, back.b?.stages]).toEqual([['AWSCURRENT'], ['AWSPREVIOUS']]);
});

test('many versions without labels are dropped, oldest first, and never one that has a label', () => {
  let secret = empty;
  for (let i = 0; i < 60; i += 1) {
    const labels = i === 0 ? ['AWSCURRENT', 'mine'] : ['AWSCURRENT'];
    secret = addVersion(secret, `v${i}`, { SecretString: `${i}` }, labels, i);
  }
  expect(Object.keys(secret.versions)).toHaveLength(23);
  expect(versionOf(secret, 'mine')).toBe('v0');
  expect(secret.versions.v37).toBeUndefined();
  expect(secret.versions.v38).toBeDefined();
});

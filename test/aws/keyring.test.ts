import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  type Keyring,
  parseKeyring,
  rotated,
  serializeKeyring,
  withoutOldKeys,
} from '../../shared/aws/keyring.ts';
import { Redacted } from '../../shared/contract/redacted.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const NONE = new Set<string>();

function initial(): Keyring {
  return parseKeyring(new Redacted(JSON.stringify({ kid: 'initial', key: 'k'.repeat(64) })));
}

/** Rotated on each of these days. */
function rotatedOn(...days: number[]): Keyring {
  return days.reduce((ring, day) => rotated(ring, START + day * DAY), initial());
}

function kids(ring: Keyring): string[] {
  return [...ring.keys.keys()];
}

test('the keyring that CloudFormation generates has one key, the SHA-256 of its characters', () => {
  const ring = initial();
  expect(ring.current).toBe('initial');
  expect(ring.keys.get('initial')?.k.reveal()).toBe(
    createHash('sha256').update('k'.repeat(64)).digest('base64url'),
  );
});

test('a keyring comes back from its stored form as it was', () => {
  const ring = rotatedOn(0, 30);
  const back = parseKeyring(serializeKeyring(ring, START));
  expect(back).toEqual(ring);
  expect([...back.keys.values()].map(({ k }) => k.reveal())).toEqual(
    [...ring.keys.values()].map(({ k }) => k.reveal()),
  );
});

test('the stored form is the documented one', () => {
  const stored = JSON.parse(serializeKeyring(initial(), START).reveal());
  expect(stored).toEqual({
    current: 'initial',
    keys: { initial: { k: expect.stringMatching(/^[\w-]{43}$/), created: '2026-01-01T00:00:00.000Z' } },
  });
});

test('a keyring prints no key', () => {
  expect(JSON.stringify([...rotatedOn(0).keys])).not.toMatch(/[\w-]{43}/);
});

test('a new key is random and published, and seals only from the rotation after on', () => {
  const before = rotatedOn(0);
  expect(before.current).toBe('initial');
  const after = rotated(before, START + 30 * DAY);
  expect(kids(after).slice(0, -1)).toEqual(kids(before));
  expect([after.current, after.next]).toEqual(kids(after).slice(-2));
  expect(new Set([...after.keys.values()].map(({ k }) => k.reveal())).size).toBe(3);
  expect(after.keys.get(after.next!)?.k.reveal()).toMatch(/^[\w-]{43}$/);
});

test('a key is dropped when it is older than 36 days, was replaced, and nothing is sealed under it', () => {
  const ring = rotatedOn(0, 30, 60, 90);
  const [generated, first, second, ...later] = kids(ring);
  const kept = (inUse: string[]) => kids(withoutOldKeys(ring, START + 90 * DAY, new Set(inUse)));
  // The second was current until now.
  expect(kept([])).toEqual([second, ...later]);
  expect(kept([generated!])).toEqual([generated, second, ...later]);
  expect(kept([first!])).toEqual([first, second, ...later]);
  expect(kids(withoutOldKeys(ring, START + 97 * DAY, NONE))).toEqual(later);
});

test('no key is dropped on its 36th day, and neither the current one nor the next ever', () => {
  const ring = rotatedOn(0, 1, 2);
  const [, first, second, third] = kids(ring);
  expect(kids(withoutOldKeys(ring, START + 36 * DAY, NONE))).toContain(first);
  expect(kids(withoutOldKeys(ring, START + 1_000 * DAY, NONE))).toEqual([second, third]);
});

test('a key that was current until a late rotation is kept for as long as its tokens may live', () => {
  const ring = rotatedOn(0, 50, 150);
  const [, first, second, third] = kids(ring);
  expect(kids(withoutOldKeys(ring, START + 156 * DAY, NONE))).toContain(first);
  expect(kids(withoutOldKeys(ring, START + 157 * DAY, NONE))).toEqual([second, third]);
});

test('the generated key, which has no date, counts as made when it was first replaced', () => {
  const ring = rotatedOn(0);
  expect(kids(withoutOldKeys(initial(), START + 1_000 * DAY, NONE))).toEqual(['initial']);
  expect(kids(withoutOldKeys(ring, START + 36 * DAY, NONE))).toContain('initial');
});

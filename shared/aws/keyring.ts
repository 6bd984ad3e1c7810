/**
 * The sealing keyring: AES-256 keys by `kid`, one of them current. It is one Secrets Manager secret, as JSON
 * `{"current": KID, "keys": {KID: {"k": base64url of 32 bytes, "created": RFC 3339}}}`, or, before its first
 * rotation, `{"kid": "initial", "key": "64 random characters"}` as CloudFormation generates it: that key is the
 * SHA-256 of the characters.
 */

import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { UnreadableValue } from '../contract/errors.ts';
import { Redacted } from '../contract/redacted.ts';
import { sha256Base64url } from '../contract/sha256.ts';

export interface SealingKey {
  /** Unpadded base64url of 32 bytes. */
  readonly k: Redacted;
  /** Milliseconds since the epoch; unknown for a key that CloudFormation generated. */
  readonly created?: number;
}

export interface Keyring {
  readonly current: string;
  readonly keys: ReadonlyMap<string, SealingKey>;
}

/** A key is kept at least this long after it was made, used or not. */
const KEY_KEPT = 36 * 86_400_000;

/**
 * … and this long after a newer one took its place, so that a late rotation does not take away the key of
 * tokens that are still alive (at most 24 h) or of processes that still seal with it (minutes).
 */
const RETIRED_KEY_KEPT = 6 * 86_400_000;

const KEY = /^[A-Za-z0-9_-]{43}$/;

const stored = v.object({
  current: v.pipe(v.string(), v.nonEmpty()),
  keys: v.record(
    v.pipe(v.string(), v.nonEmpty()),
    v.object({ k: v.pipe(v.string(), v.regex(KEY)), created: v.pipe(v.string(), v.isoTimestamp()) }),
  ),
});
const generated = v.object({
  kid: v.pipe(v.string(), v.nonEmpty()),
  key: v.pipe(v.string(), v.minLength(32)),
});

/** @throws UnreadableValue saying what is wrong with it, without showing any of it */
export function parseKeyring(text: Redacted): Keyring {
  const value = parseJson(text);
  const initial = v.safeParse(generated, value);
  if (initial.success) return initialKeyring(initial.output.kid, initial.output.key);
  const ring = v.safeParse(stored, value, { abortEarly: true });
  if (!ring.success) throw malformed(`look at ${v.getDotPath(ring.issues[0]) ?? 'its outermost value'}`);
  const keys = new Map<string, SealingKey>();
  for (const [kid, { k, created }] of Object.entries(ring.output.keys)) {
    keys.set(kid, { k: new Redacted(k), created: Date.parse(created) });
  }
  if (!keys.has(ring.output.current)) throw malformed('its current key is not among its keys');
  return { current: ring.output.current, keys };
}

/** The stored form. A key without a date is dated `now`: it is thereby kept for longer, never for less. */
export function serializeKeyring(ring: Keyring, now: number): Redacted {
  const keys = [...ring.keys].map(([kid, { k, created }]) => [
    kid,
    { k: k.reveal(), created: new Date(created ?? now).toISOString() },
  ]);
  return new Redacted(JSON.stringify({ current: ring.current, keys: Object.fromEntries(keys) }));
}

/** The keyring with a fresh current key, and every old one. */
export function withNewKey(ring: Keyring, now: number): Keyring {
  const kid = randomBytes(9).toString('base64url');
  const key = { k: new Redacted(randomBytes(32).toString('base64url')), created: now };
  // A key that CloudFormation made has no date; from now on it counts as made when it was first replaced.
  const dated = [...ring.keys].map(([id, old]) => [id, { created: now, ...old }] as const);
  return { current: kid, keys: new Map([...dated, [kid, key]]) };
}

/**
 * The keyring without the keys that nothing can be sealed under any more: not current, not in `inUse`, made
 * more than 36 days ago and replaced more than 6 days ago.
 */
export function withoutOldKeys(ring: Keyring, now: number, inUse: ReadonlySet<string>): Keyring {
  const kept = [...ring.keys].filter(
    ([kid, key]) => kid === ring.current || inUse.has(kid) || !isOld(key, ring, now),
  );
  return { current: ring.current, keys: new Map(kept) };
}

function isOld(key: SealingKey, ring: Keyring, now: number): boolean {
  const created = key.created ?? now;
  const newer = [...ring.keys.values()].map((other) => other.created ?? now).filter((time) => time > created);
  return now - created > KEY_KEPT && now - Math.min(...newer) > RETIRED_KEY_KEPT;
}

function initialKeyring(kid: string, characters: string): Keyring {
  const k = new Redacted(sha256Base64url(characters));
  return { current: kid, keys: new Map([[kid, { k }]]) };
}

function parseJson(text: Redacted): unknown {
  try {
    return JSON.parse(text.reveal());
  } catch {
    throw malformed('it is not JSON');
  }
}

function malformed(reason: string): UnreadableValue {
  return new UnreadableValue(
    `The sealing keyring is malformed: ${reason}. Restore its last good version (stage AWSPREVIOUS).`,
  );
}

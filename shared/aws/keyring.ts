/**
 * The sealing keyring: AES-256 keys by `kid`, one of them current. It is one Secrets Manager secret, as JSON
 * `{"current": KID, "next": KID, "keys": {KID: {"k": base64url of 32 bytes, "created": RFC 3339}}}`, or, before its first
 * rotation, `{"kid": "initial", "key": "64 random characters"}` as CloudFormation generates it: that key is the
 * SHA-256 of the characters.
 */

import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { UnreadableValue } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
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
  /**
   * What the next rotation makes current: published one rotation before anything is sealed under it, so that every
   * process can open that, even one which Secrets Manager answers from the past. Absent before the first rotation.
   */
  readonly next?: string;
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
  next: v.optional(v.pipe(v.string(), v.nonEmpty())),
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
  const { current, next } = ring.output;
  if (!keys.has(current)) throw malformed('its current key is not among its keys');
  if (next !== undefined && !keys.has(next)) throw malformed('its next key is not among its keys');
  return present({ current, next, keys });
}

/** The stored form. A key without a date is dated `now`: it is thereby kept for longer, never for less. */
export function serializeKeyring(ring: Keyring, now: number): Redacted {
  const keys = [...ring.keys].map(([kid, { k, created }]) => [
    kid,
    { k: k.reveal(), created: new Date(created ?? now).toISOString() },
  ]);
  const { current, next } = ring;
  return new Redacted(JSON.stringify({ current, next, keys: Object.fromEntries(keys) }));
}

/** The keyring one rotation on: what was the next key is current, a fresh one is next, and every old one stays. */
export function rotated(ring: Keyring, now: number): Keyring {
  const kid = randomBytes(9).toString('base64url');
  const key = { k: new Redacted(randomBytes(32).toString('base64url')), created: now };
  // A key that CloudFormation made has no date; from now on it counts as made when it was first replaced.
  const dated = [...ring.keys].map(([id, old]) => [id, { created: now, ...old }] as const);
  return { current: ring.next ?? ring.current, next: kid, keys: new Map([...dated, [kid, key]]) };
}

/**
 * The keyring without the keys that nothing can be sealed under any more: neither current nor next, not in `inUse`,
 * made more than 36 days ago and replaced more than 6 days ago.
 */
export function withoutOldKeys(ring: Keyring, now: number, inUse: ReadonlySet<string>): Keyring {
  const needed = new Set([ring.current, ring.next, ...inUse]);
  const kept = [...ring.keys].filter(([kid, key]) => needed.has(kid) || !isOld(key, ring, now));
  return { ...ring, keys: new Map(kept) };
}

function isOld(key: SealingKey, ring: Keyring, now: number): boolean {
  const created = key.created ?? now;
  return now - created > KEY_KEPT && now - replacedAt(created, ring, now) > RETIRED_KEY_KEPT;
}

/** When the key that was made after it became current, which is when the one after that was made. */
function replacedAt(created: number, ring: Keyring, now: number): number {
  const newer = [...ring.keys.values()].map((other) => other.created ?? now).filter((time) => time > created);
  return newer.sort((a, b) => a - b)[1] ?? Number.POSITIVE_INFINITY;
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

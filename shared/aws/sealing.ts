/**
 * Seals what is secret before it is stored, and opens it again: a JWE each (`jwe.ts`). The protected header says what
 * the value is and where it belongs, so that a value which was copied to another item, put to another purpose or rolled
 * back to an older generation does not open.
 */
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { UnreadableValue } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
import { Redacted } from '../contract/redacted.ts';
import type { Clock } from '../oauth/clock.ts';
import type { SecretsManager } from './clients.ts';
import { decryptCompact, encodedHeader, encryptCompact } from './jwe.ts';
import { SealingKeys } from './sealing-keys.ts';

/** What a sealed value belongs to. */
export interface Binding {
  /** Key of the item that holds it. */
  readonly item: string;
  /** What it is there, e.g. `refresh_token`. */
  readonly purpose: string;
  /** The grant's, for what must not outlive a consent or a revocation. */
  readonly generation?: string;
}

export interface Sealer {
  /** Begins to read the keyring of a process that has none yet, beside the item that it will open. Tells no failure. */
  prepare(): void;
  /** @throws StoreUnavailable, UnreadableValue when there is no usable keyring */
  seal(plain: Redacted, binding: Binding): Promise<string>;
  /** @throws UnreadableValue when it does not open, StoreUnavailable when its key cannot be looked up */
  open(sealed: string, binding: Binding): Promise<Redacted>;
}

const ALGORITHM = { alg: 'dir', enc: 'A256GCM' } as const;

/** @param options.secret name of the keyring's secret */
export function createSealer(manager: SecretsManager, options: { secret: string; clock: Clock }): Sealer {
  const keys = new SealingKeys(manager, options.secret, options.clock);
  // What was read and is written back as it was need not be sealed again, unless the current key has changed.
  const sealedBefore = new WeakMap<Redacted, { readonly sealed: string; readonly header: string }>();

  return {
    prepare: () => keys.prepare(),

    async seal(plain, binding) {
      const { kid, key } = await keys.current();
      const header = protectedHeader(kid, binding);
      const before = sealedBefore.get(plain);
      if (before?.header === header) return before.sealed;
      const sealed = encryptCompact(header, plain.reveal(), key);
      sealedBefore.set(plain, { sealed, header });
      return sealed;
    },

    async open(sealed, binding) {
      const kid = kidOf(sealed);
      const plain = decrypt(sealed, await keys.find(kid), binding);
      const header = protectedHeader(kid, binding);
      if (!sealed.startsWith(`${header}.`))
        throw unreadable(binding, 'it was sealed for another place or time');
      sealedBefore.set(plain, { sealed, header });
      return plain;
    },
  };
}

/** The `kid` of the key that a value is sealed under. @throws UnreadableValue when it is no JWE of ours */
export function kidOf(sealed: string): string {
  const encoded = sealed.slice(0, Math.max(0, sealed.indexOf('.')));
  try {
    const header: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString());
    if (header instanceof Object && 'kid' in header && typeof header.kid === 'string') return header.kid;
  } catch {
    // No JSON: no `kid` either.
  }
  throw new UnreadableValue('A sealed value has no readable header: it was not written by the broker.');
}

/** Always the same members in the same order, so that two headers can be compared as text. */
function protectedHeader(kid: string, { item, purpose, generation }: Binding): string {
  return encodedHeader({ ...ALGORITHM, kid, item, purpose, ...present({ generation }) });
}

function decrypt(sealed: string, key: KeyObject, binding: Binding): Redacted {
  try {
    return new Redacted(decryptCompact(sealed, key));
  } catch {
    throw unreadable(binding, 'it was altered, or is under another key than it says');
  }
}

function unreadable({ item, purpose }: Binding, reason: string): UnreadableValue {
  return new UnreadableValue(`The sealed ${purpose} of ${item} does not open: ${reason}.`);
}

/** Keys in the value of a secret: new ones, and the next one beside the one that signs. */
import { generateKeyPairSync } from 'node:crypto';
import { present } from '../../shared/contract/present.ts';
import { type ImportedKey, importPrivateKey } from '../../shared/oauth/private-key.ts';
import type { PublicHalf } from './secret-kms.ts';

/** Of a secret. */
export type Members = Readonly<Record<string, unknown>>;

/** Of a key to make. */
export interface KeyChoice {
  readonly alg?: Algorithm;
  /** Of an RSA key. */
  readonly bits?: string;
  readonly keyId?: string;
}
type Algorithm = keyof typeof KEY_TYPES;

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });

/** Keys by the algorithm that they are to sign by, of the size in bits where there is a choice. */
export const KEY_TYPES = {
  RS256: rsa,
  PS256: rsa,
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
} as const;

/** @param usual size of an RSA key, in bits */
export function newKey(
  { alg = 'RS256', bits }: KeyChoice,
  usual = 2048,
): PublicHalf & { readonly private_key: unknown } {
  const { publicKey, privateKey } = KEY_TYPES[alg](bits === undefined ? usual : Number(bits));
  // A PEM of an RSA key does not say which of its algorithms the client is registered for; a JWK does.
  const private_key =
    alg === 'PS256'
      ? { ...privateKey.export({ format: 'jwk' }), alg }
      : privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { private_key, publicKey, alg };
}

/**
 * The secret with a key that follows the one that signs, of the same kind where nothing else is said: whoever verifies
 * learns it first. @returns a predicate about `private_key`, where there is none to follow
 */
export async function withNextKey(
  stored: Members,
  choice: KeyChoice,
): Promise<{ readonly members: Members; readonly half: PublicHalf } | { readonly problem: string }> {
  const signing = await importPrivateKey(stored.private_key);
  if ('problem' in signing) return signing;
  const { private_key: next_private_key, ...half } = newKey(
    { alg: algorithmOf(signing), ...choice },
    signing.publicKey.asymmetricKeyDetails?.modulusLength,
  );
  const next = { next_private_key, ...present({ next_key_id: choice.keyId }) };
  return { members: { ...without(stored, NEXT), ...next }, half };
}

/**
 * The secret whose next key signs. The one before stays in the version before, which the broker falls back to and
 * whose key it lists. @returns `undefined` where there is no next key
 */
export function promoted(stored: Members): Members | undefined {
  const { next_private_key: private_key, next_key_id: key_id } = stored;
  if (private_key === undefined) return undefined;
  return { ...withoutKeyMembers(stored), private_key, ...present({ key_id }) };
}

/** Without what belongs to the key before alone, and without the next one, which is as old. */
export function withoutKeyMembers(stored: Members): Members {
  return without(stored, [...ABOUT_THE_KEY, ...NEXT]);
}

const ABOUT_THE_KEY = ['key_id', 'certificate'];
const NEXT = ['next_private_key', 'next_key_id'];

function without(members: Members, names: readonly string[]): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

/** What an RSA key signs by first is what a PEM says nothing of. */
function algorithmOf({ keys }: ImportedKey): Algorithm {
  const [first = 'RS256'] = keys.keys();
  return first === 'Ed25519' ? 'EdDSA' : first;
}

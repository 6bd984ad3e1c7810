import { constants, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'jose';
import { isObject } from '../contract/json.ts';
import type { Budget } from './exchange.ts';

/** RFC 7518 §3.3: RSA keys have 2048 bits or more. */
const MINIMUM_BITS = 2048;

/** As JWS has the signatures of each kind of key (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1). */
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const ECDSA = { dsaEncoding: 'ieee-p1363' } as const;

/** JWS algorithms of client assertions (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2) by what node:crypto calls them. */
const ALGORITHMS = {
  RS256: { digest: 'sha256' },
  PS256: { digest: 'sha256', ...PSS },
  ES256: { digest: 'sha256', ...ECDSA },
  ES384: { digest: 'sha384', ...ECDSA },
  EdDSA: { digest: null },
  Ed25519: { digest: null },
} as const;
export type SigningAlgorithm = keyof typeof ALGORITHMS;

/** Signs with a key that is here, or elsewhere. @returns the signature as JWS has it (RFC 7518 §3) @throws BrokerError */
export type Sign = (data: Uint8Array, budget: Budget) => Promise<Uint8Array>;

/** One key, as what it signs with; the usual algorithm first. None of them can be taken out again. */
export type SigningKeys = ReadonlyMap<SigningAlgorithm, Sign>;

const ALLOWED = `allowed is an unencrypted RSA key of at least ${MINIMUM_BITS} bits, or one on P-256, P-384 or Ed25519: PKCS#8, PKCS#1 or SEC 1 PEM, or a private JWK`;

export interface ImportedKey {
  readonly keys: SigningKeys;
  readonly keyId: string | undefined;
  readonly publicKey: KeyObject;
}

/** Or a predicate, e.g. `is encrypted; allowed is …`. */
type Imported = ImportedKey | { readonly problem: string };

/**
 * Imports a private key for signing, so that it cannot be taken out again.
 *
 * Through node:crypto instead of jose, because jose reads neither PKCS#1, which `openssl genrsa` wrote for
 * years, nor tells why it refuses a key.
 * @param value PEM text, JWK text or a JWK object
 */
export async function importPrivateKey(value: unknown): Promise<Imported> {
  const jwk = asJwk(value);
  if (jwk === undefined && typeof value !== 'string') return problem('is neither a string nor a JWK object');
  const known = jwk === undefined ? problemOfPem(value as string) : problemOfJwk(jwk);
  if (known !== undefined) return problem(known);
  const key = readKey(jwk, value);
  if (key === undefined) {
    return problem(
      jwk === undefined ? 'is not a readable PEM (check its line breaks)' : 'is not a complete JWK',
    );
  }
  const able = algorithmsOf(key);
  if (typeof able === 'string') return problem(able);
  const algorithms = jwk?.alg === undefined ? able : able.filter((algorithm) => algorithm === jwk.alg);
  if (algorithms.length === 0) return problem(`is a JWK whose alg is not ${able.join(' or ')}`);
  return {
    keys: new Map(algorithms.map((algorithm) => [algorithm, signingBy(algorithm, key)])),
    keyId: typeof jwk?.kid === 'string' && jwk.kid !== '' ? jwk.kid : undefined,
    publicKey: createPublicKey(key),
  };
}

function asJwk(value: unknown): JWK | undefined {
  let candidate = value;
  if (typeof value === 'string' && value.trimStart().startsWith('{')) {
    try {
      candidate = JSON.parse(value);
    } catch {
      return undefined;
    }
  }
  return isObject(candidate) ? candidate : undefined;
}

function problemOfPem(pem: string): string | undefined {
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1];
  if (label === undefined) return 'has no PEM header';
  if (label.includes('ENCRYPTED') || pem.includes('Proc-Type: 4,ENCRYPTED')) return 'is encrypted';
  if (label.endsWith('PUBLIC KEY')) return 'is a public key';
  if (!['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'].includes(label))
    return `is a PEM of another kind (${label.slice(0, 40)})`;
  return undefined;
}

function problemOfJwk(jwk: JWK): string | undefined {
  if (!['RSA', 'EC', 'OKP'].includes(jwk.kty ?? '')) return 'is a JWK whose kty is not RSA, EC or OKP';
  if (jwk.d === undefined) return 'is a public key: the JWK has no d';
  if (jwk.use !== undefined && jwk.use !== 'sig') return 'is a JWK whose use is not sig';
  return undefined;
}

function readKey(jwk: JWK | undefined, value: unknown): KeyObject | undefined {
  try {
    return jwk === undefined
      ? createPrivateKey({ key: value as string, format: 'pem' })
      : createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** What the key can sign with, or why it cannot. */
function algorithmsOf({
  asymmetricKeyType: type,
  asymmetricKeyDetails,
}: KeyObject): SigningAlgorithm[] | string {
  const { modulusLength: bits = 0, namedCurve: curve } = asymmetricKeyDetails ?? {};
  if (type === 'rsa' && bits < MINIMUM_BITS) return `has ${bits} bits`;
  if (type === 'rsa') return ['RS256', 'PS256'];
  if (type === 'ed25519') return ['EdDSA', 'Ed25519'];
  if (type === 'ec' && curve === 'prime256v1') return ['ES256'];
  if (type === 'ec' && curve === 'secp384r1') return ['ES384'];
  return type === 'ec' ? `is on the curve ${curve}` : `is a key of type ${type}`;
}

const signAside = promisify(sign);

function signingBy(algorithm: SigningAlgorithm, key: KeyObject): Sign {
  const { digest, ...options } = ALGORITHMS[algorithm];
  return (data) => signAside(digest, data, { key, ...options });
}

function problem(what: string): Imported {
  return { problem: `${what}; ${ALLOWED}` };
}

import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
import { isObject } from '../contract/json.ts';

/** RFC 7518 §3.3: RS256 keys have 2048 bits or more. */
const MINIMUM_BITS = 2048;

const ALLOWED = `allowed is an unencrypted RSA key of at least ${MINIMUM_BITS} bits: PKCS#8 or PKCS#1 PEM, or a private JWK`;

type Imported =
  | { readonly key: CryptoKey; readonly keyId: string | undefined }
  /** A predicate, e.g. `is encrypted; allowed is …`. */
  | { readonly problem: string };

/**
 * Imports a private key for RS256, so that it cannot be taken out again.
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
  const unfit = problemOfKey(key);
  if (unfit !== undefined) return problem(unfit);
  return {
    key: key.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']),
    keyId: typeof jwk?.kid === 'string' && jwk.kid !== '' ? jwk.kid : undefined,
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
  if (label !== 'PRIVATE KEY' && label !== 'RSA PRIVATE KEY')
    return `is a PEM of another kind (${label.slice(0, 40)})`;
  return undefined;
}

function problemOfJwk(jwk: JWK): string | undefined {
  if (jwk.kty !== 'RSA') return 'is a JWK whose kty is not RSA';
  if (jwk.d === undefined) return 'is a public key: the JWK has no d';
  if (jwk.alg !== undefined && jwk.alg !== 'RS256') return 'is a JWK whose alg is not RS256';
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

function problemOfKey(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'rsa') return `is a key of type ${key.asymmetricKeyType}, not RSA`;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < MINIMUM_BITS ? `has ${bits} bits` : undefined;
}

function problem(what: string): Imported {
  return { problem: `${what}; ${ALLOWED}` };
}

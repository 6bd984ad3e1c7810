/** Asymmetric keys that never leave KMS (AWS KMS API Reference, "Sign", "GetPublicKey"). */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { KMS_KEYS, type KmsAlgorithm } from '../connections/kms.ts';
import { BrokerError } from '../contract/errors.ts';
import type { KmsKeys } from '../oauth/client-secret.ts';
import type { Budget } from '../oauth/exchange.ts';
import type { SecretsManager } from './clients.ts';
import { type SignedAnswer, signedCall, UNAVAILABLE } from './signed-call.ts';

export function kmsSigner(manager: SecretsManager): KmsKeys['sign'] {
  return async (keyId, algorithm, data, budget) => {
    const { signingAlgorithm } = KMS_KEYS[algorithm];
    // Whole, and not as a digest: KMS takes 4,096 bytes, of which an assertion has a few hundred.
    const input = { KeyId: keyId, Message: Buffer.from(data).toString('base64'), MessageType: 'RAW' };
    const answer = await ask(manager, 'Sign', { ...input, SigningAlgorithm: signingAlgorithm }, budget);
    if ('refusal' in answer) throw unavailable(keyId, answer.refusal, algorithm);
    const signature = bytesIn(answer.body, 'Signature');
    if (signature === undefined) throw unavailable(keyId, UNAVAILABLE);
    const size = COORDINATE[algorithm];
    return size === undefined ? signature : joseSignature(signature, size);
  };
}

/** @throws BrokerError `secret_unavailable` */
export function kmsPublicKeys(manager: SecretsManager) {
  return async (keyId: string, budget: Budget): Promise<KeyObject> => {
    const answer = await ask(manager, 'GetPublicKey', { KeyId: keyId }, budget);
    if ('refusal' in answer) throw unavailable(keyId, answer.refusal);
    const key = bytesIn(answer.body, 'PublicKey');
    if (key === undefined) throw unavailable(keyId, UNAVAILABLE);
    return createPublicKey({ key, format: 'der', type: 'spki' });
  };
}

function ask(
  manager: SecretsManager,
  operation: 'Sign' | 'GetPublicKey',
  input: object,
  budget: Budget,
): Promise<SignedAnswer> {
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `TrentService.${operation}`,
  };
  return signedCall(manager, { service: 'kms', headers, body: JSON.stringify(input) }, budget);
}

function bytesIn(body: string, member: string): Buffer | undefined {
  try {
    const { [member]: value } = JSON.parse(body) as Record<string, unknown>;
    return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes of each of the two numbers of an ECDSA signature in JWS (RFC 7518 §3.4). */
const COORDINATE: Partial<Record<KmsAlgorithm, number>> = { ES256: 32, ES384: 48 };

/**
 * KMS answers ECDSA signatures in DER, `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 §2.2.3), JWS wants both numbers in a
 * fixed size. Every length here is one byte: P-384 makes 104 bytes at most.
 */
export function joseSignature(der: Buffer, size: number): Buffer {
  const lengthOfR = der[3] ?? 0;
  const r = der.subarray(4, 4 + lengthOfR);
  const s = der.subarray(6 + lengthOfR);
  return Buffer.concat([r, s].map((number) => Buffer.concat([Buffer.alloc(size), number]).subarray(-size)));
}

/** @param algorithm where it was to sign */
function unavailable(keyId: string, refusal: string, algorithm?: KmsAlgorithm): BrokerError {
  const retryAfter = refusal === UNAVAILABLE ? { retryAfter: 5 } : {};
  const why = explanations(algorithm)[refusal] ?? `could not be used: KMS says ${refusal}.`;
  return new BrokerError('secret_unavailable', `The KMS key ${keyId} ${why}`, retryAfter);
}

/** By KMS's names; all but `unavailable` stay so until somebody acts. */
function explanations(algorithm: KmsAlgorithm | undefined): Readonly<Record<string, string>> {
  const action = algorithm ? 'Sign' : 'GetPublicKey';
  const off = 'is disabled or scheduled for deletion. Enable it: `aws kms enable-key`.';
  return {
    NotFoundException: 'does not exist in this account and Region. Name another in the secret as kms_key_id.',
    DisabledException: off,
    KMSInvalidStateException: off,
    AccessDeniedException: `may not be used by the broker: allow its role kms:${action} on it, or name the key that the stack made.`,
    ...(algorithm && {
      InvalidKeyUsageException: `cannot sign by ${algorithm}: that takes an asymmetric key ${KMS_KEYS[algorithm].keySpec} for SIGN_VERIFY. Mend signing_alg of the connection, or name another key.`,
    }),
    [UNAVAILABLE]: 'could not be used, because KMS did not answer in time.',
  };
}

/** Signatures by asymmetric keys that never leave KMS (AWS KMS API Reference, "Sign"). */
import { KMS_KEYS, type KmsAlgorithm } from '../connections/kms.ts';
import { BrokerError } from '../contract/errors.ts';
import type { KmsKeys } from '../oauth/client-secret.ts';
import type { SecretsManager } from './clients.ts';
import { signedCall, UNAVAILABLE } from './signed-call.ts';

export function kmsSigner(manager: SecretsManager): KmsKeys['sign'] {
  return async (keyId, algorithm, data, budget) => {
    const { signingAlgorithm } = KMS_KEYS[algorithm];
    // Whole, and not as a digest: KMS takes 4,096 bytes, of which an assertion has a few hundred.
    const input = { KeyId: keyId, Message: Buffer.from(data).toString('base64'), MessageType: 'RAW' };
    const answer = await signedCall(
      manager,
      {
        service: 'kms',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'TrentService.Sign' },
        body: JSON.stringify({ ...input, SigningAlgorithm: signingAlgorithm }),
      },
      budget,
    );
    if ('refusal' in answer) throw unavailable(keyId, algorithm, answer.refusal);
    const signature = signatureIn(answer.body);
    if (signature === undefined) throw unavailable(keyId, algorithm, UNAVAILABLE);
    const size = COORDINATE[algorithm];
    return size === undefined ? signature : joseSignature(signature, size);
  };
}

function signatureIn(body: string): Buffer | undefined {
  try {
    const { Signature } = JSON.parse(body) as { Signature?: unknown };
    return typeof Signature === 'string' ? Buffer.from(Signature, 'base64') : undefined;
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

function unavailable(keyId: string, algorithm: KmsAlgorithm, refusal: string): BrokerError {
  const retryAfter = refusal === UNAVAILABLE ? { retryAfter: 5 } : {};
  const why = explanations(algorithm)[refusal] ?? `could not be used: KMS says ${refusal}.`;
  return new BrokerError('secret_unavailable', `The KMS key ${keyId} ${why}`, retryAfter);
}

/** By KMS's names; all but `unavailable` stay so until somebody acts. */
function explanations(algorithm: KmsAlgorithm): Readonly<Record<string, string>> {
  const { keySpec } = KMS_KEYS[algorithm];
  const off = 'is disabled or scheduled for deletion. Enable it: `aws kms enable-key`.';
  return {
    NotFoundException: 'does not exist in this account and Region. Name another in the secret as kms_key_id.',
    DisabledException: off,
    KMSInvalidStateException: off,
    AccessDeniedException:
      'may not be used by the broker: allow its role kms:Sign on it, or name the key that the stack made.',
    InvalidKeyUsageException: `cannot sign by ${algorithm}: that takes an asymmetric key ${keySpec} for SIGN_VERIFY. Mend signing_alg of the connection, or name another key.`,
    [UNAVAILABLE]: 'could not be used, because KMS did not answer in time.',
  };
}

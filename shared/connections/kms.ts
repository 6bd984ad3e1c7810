/**
 * JWS algorithms (RFC 7518 §3.1) as KMS has them: the key to make, and what to ask of it (AWS KMS Developer Guide, "Key
 * spec reference").
 */
export const KMS_KEYS = {
  RS256: { keySpec: 'RSA_2048', signingAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256' },
  PS256: { keySpec: 'RSA_2048', signingAlgorithm: 'RSASSA_PSS_SHA_256' },
  ES256: { keySpec: 'ECC_NIST_P256', signingAlgorithm: 'ECDSA_SHA_256' },
  ES384: { keySpec: 'ECC_NIST_P384', signingAlgorithm: 'ECDSA_SHA_384' },
} as const;
export type KmsAlgorithm = keyof typeof KMS_KEYS;

/** What RSA keys sign by where nothing is said: every server that takes keys knows it. */
export const DEFAULT_KMS_ALGORITHM = 'RS256' satisfies KmsAlgorithm;

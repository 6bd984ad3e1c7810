/** Keys in the embedded KMS, made as an operator makes them, and what a vendor gets of each. */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { secretsManagerClient } from '../../shared/aws/clients.ts';
import { signedCall } from '../../shared/aws/signed-call.ts';
import { budget } from '../vendors/support.ts';
import { localAccess } from './stores.ts';

/** One operation. @throws Error with KMS's name for what is wrong */
export async function askKms(
  origin: string,
  operation: string,
  input: object,
): Promise<Record<string, unknown>> {
  const target = `TrentService.${operation}`;
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
  const manager = secretsManagerClient({ ...localAccess, endpoint: origin });
  const request = { service: 'kms', headers, body: JSON.stringify(input) };
  const answer = await signedCall(manager, request, budget());
  if ('refusal' in answer) throw new Error(answer.refusal);
  return JSON.parse(answer.body);
}

export async function makeKmsKey(origin: string, KeySpec: string) {
  const { KeyMetadata } = await askKms(origin, 'CreateKey', { KeySpec, KeyUsage: 'SIGN_VERIFY' });
  const { Arn: id } = KeyMetadata as { Arn: string };
  const { PublicKey } = await askKms(origin, 'GetPublicKey', { KeyId: id });
  const key = Buffer.from(String(PublicKey), 'base64');
  const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
  return { id, publicKey, jwk: publicKey.export({ format: 'jwk' }) as JsonWebKey };
}

/** Signatures by KMS as the broker asks for them, against the embedded KMS, which verifies who signs, and a peer that misbehaves. */
import { verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAwsEndpoint } from '../../functions/local/emulator/endpoint.ts';
import { kmsService } from '../../functions/local/emulator/kms.ts';
import type { LocalServer } from '../../functions/local/http.ts';
import { secretsManagerClient } from '../../shared/aws/clients.ts';
import { joseSignature, kmsPublicKeys, kmsSigner } from '../../shared/aws/kms.ts';
import { KMS_KEYS, type KmsAlgorithm } from '../../shared/connections/kms.ts';
import { type HttpPeer, json, startHttpPeer } from '../support/http-peer.ts';
import { askKms, makeKmsKey } from '../support/kms.ts';
import { localAccess } from '../support/stores.ts';
import { budget } from '../vendors/support.ts';

let folder: string;
let endpoint: LocalServer;
let peer: HttpPeer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kms-'));
  const none = () => Promise.reject(new Error('not here'));
  const services = { lambda: none, kms: await kmsService(join(folder, 'kms.json')) };
  [endpoint, peer] = await Promise.all([
    startAwsEndpoint({ port: 0, key: 'local', services }),
    startHttpPeer(),
  ]);
});
afterAll(async () => {
  await Promise.all([endpoint.close(), peer.close()]);
  await rm(folder, { recursive: true });
});

const managerAt = (url: string) => secretsManagerClient({ ...localAccess, endpoint: url });
const DATA = Buffer.from('header.claims');

test.each(Object.keys(KMS_KEYS) as KmsAlgorithm[])(
  'a signature by %s is as JWS has it, however KMS encodes it',
  async (algorithm) => {
    const { id, publicKey } = await makeKmsKey(endpoint.url, KMS_KEYS[algorithm].keySpec);
    const [hash, dsaEncoding] = [`sha${algorithm.slice(2)}`, 'ieee-p1363'] as const;
    const pss = algorithm === 'PS256' && { padding: 6, saltLength: 32 };
    const signature = await kmsSigner(managerAt(endpoint.url))(id, algorithm, DATA, budget());
    expect(verify(hash, DATA, { key: publicKey, dsaEncoding, ...pss }, signature)).toBe(true);
  },
);

test('the numbers of an ECDSA signature have their size, which DER shortens, or pads where the first bit is set', () => {
  const bytes = (...parts: string[]) => Buffer.from(parts.join(''), 'hex');
  const whole = 'ff'.repeat(32);
  const der = bytes('3026', '0201', '07', '0221', '00', whole);
  expect(joseSignature(der, 32)).toEqual(bytes('00'.repeat(31), '07', whole));
  expect(joseSignature(der, 48)).toEqual(bytes('00'.repeat(47), '07', '00'.repeat(16), whole));
});

test.each([
  ['Encrypt', {}, 'UnknownOperationException'],
  ['CreateKey', {}, 'UnsupportedOperationException'],
  ['CreateKey', { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' }, 'UnsupportedOperationException'],
  ['DescribeKey', { KeyId: 'none' }, 'NotFoundException'],
  ['Sign', { MessageType: 'DIGEST' }, 'UnsupportedOperationException'],
  ['Sign', { Message: '' }, 'ValidationException'],
  ['Sign', { Message: 'A'.repeat(5_464) }, 'ValidationException'],
])('the embedded KMS answers %s of %j with %s', async (operation, more, name) => {
  const { id } = await makeKmsKey(endpoint.url, 'ECC_NIST_P256');
  const input = {
    ...(operation === 'Sign' && { KeyId: id, Message: 'eA==', SigningAlgorithm: 'ECDSA_SHA_256' }),
    ...more,
  };
  await expect(askKms(endpoint.url, operation, input)).rejects.toThrow(name);
});

test('a public half is read as it is, and what keeps it from being read is told', async () => {
  const { id, publicKey } = await makeKmsKey(endpoint.url, 'ECC_NIST_P256');
  const read = kmsPublicKeys(managerAt(endpoint.url));
  expect((await read(id, budget())).equals(publicKey)).toBe(true);
  await expect(read('alias/none', budget())).rejects.toThrow(/alias\/none does not exist/);
  peer.replyWith(json(400, { __type: 'AccessDeniedException' }));
  await expect(kmsPublicKeys(managerAt(peer.origin))(id, budget())).rejects.toThrow(/kms:GetPublicKey/);
  peer.replyWith(json(200, {}));
  await expect(kmsPublicKeys(managerAt(peer.origin))(id, budget())).rejects.toThrow(/did not answer/);
});

const refused = async (url: string, id: string, algorithm: KmsAlgorithm = 'RS256') => {
  const outcome = await kmsSigner(managerAt(url))(id, algorithm, DATA, budget()).catch((error) => error);
  return JSON.parse(JSON.stringify(outcome));
};

test('a key that is not there, or is of another kind, is told with what mends it', async () => {
  const { id } = await makeKmsKey(endpoint.url, 'ECC_NIST_P256');
  expect(await refused(endpoint.url, id)).toEqual({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(/cannot sign by RS256: that takes .* RSA_2048 .*signing_alg/),
  });
  expect(await refused(endpoint.url, 'alias/none')).toEqual({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(/alias\/none does not exist .*kms_key_id/),
  });
});

test.each([
  ['DisabledException', /is disabled .*enable-key/],
  ['KMSInvalidStateException', /scheduled for deletion/],
  ['com.amazonaws.kms#AccessDeniedException', /may not be used by the broker: .*kms:Sign/],
  ['OddException', /KMS says OddException/],
])('%s is told, and not asked again', async (type, text) => {
  peer.replyWith((response) =>
    response.writeHead(400).end(JSON.stringify({ __type: type, message: 'canary' })),
  );
  const outcome = await refused(peer.origin, 'the-key');
  expect(outcome).toEqual({ error: 'secret_unavailable', error_description: expect.stringMatching(text) });
  expect(outcome.error_description).not.toContain('canary');
  expect(peer.received).toHaveLength(1);
});

test('what may pass is asked again at once, and else in some seconds', async () => {
  const { id } = await makeKmsKey(endpoint.url, 'RSA_2048');
  const forward =
    (status: number, type: string) =>
    (response: { writeHead(status: number): { end(text: string): void } }) =>
      response.writeHead(status).end(JSON.stringify({ __type: type }));
  const throttled = forward(400, 'ThrottlingException');
  peer.replyWith(
    throttled,
    forward(500, 'KMSInternalException'),
    (response) => void response.end(JSON.stringify({ Signature: 'c2lnbmVk' })),
  );
  const signature = await kmsSigner(managerAt(peer.origin))(id, 'RS256', DATA, budget());
  expect(Buffer.from(signature).toString()).toBe('signed');
  peer.replyWith(throttled);
  expect(await refused(peer.origin, id)).toEqual({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(/KMS did not answer in time/),
    retry_after: 5,
  });
  expect(peer.received).toHaveLength(3);
  peer.replyWith((response) => void response.end('<html>'));
  expect(await refused(peer.origin, id)).toMatchObject({ retry_after: 5 });
});

test('nothing is asked once the time of the acquisition is over', async () => {
  peer.replyWith((response) => void response.end('{}'));
  const sign = kmsSigner(managerAt(peer.origin));
  await expect(sign('k', 'RS256', DATA, { ...budget(), deadline: Date.now() })).rejects.toMatchObject({
    code: 'secret_unavailable',
  });
  expect(peer.received).toEqual([]);
});

import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { revokeToken } from '../../shared/oauth/revocation.ts';
import { vendorErrorOf } from '../oauth/support.ts';
import { clientCall, mint } from './support.ts';

/** `custom` against a certified server that somebody else wrote, with its defaults and its strictness. */
const SECRET = 'a-long.secret_with:%+&/=~ characters';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keySecret = { client_id: 'key', private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };

let server: Server;
let issuer: string;

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const machine = {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: 'read',
  };
  const provider = new Provider(issuer, {
    scopes: ['read', 'write'],
    features: {
      clientCredentials: { enabled: true },
      revocation: { enabled: true, allowedPolicy: async () => true },
      devInteractions: { enabled: false },
    },
    ttl: { ClientCredentials: 600 },
    cookies: { keys: ['test'] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
    clients: [
      {
        ...machine,
        client_id: 'basic',
        client_secret: SECRET,
        token_endpoint_auth_method: 'client_secret_basic',
      },
      {
        ...machine,
        client_id: 'post',
        client_secret: SECRET,
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        ...machine,
        client_id: 'key',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [publicKey.export({ format: 'jwk' })] },
      },
    ],
  });
  server.on('request', provider.callback());
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe.each(['discovery', 'token endpoint'])('by %s', (way) => {
  const custom = (members: object) => ({
    vendor: 'custom',
    ...(way === 'discovery' ? { issuer } : { token_endpoint: `${issuer}/token` }),
    ...members,
  });

  test.each([
    ['client_secret_basic', { client_id: 'basic', client_secret: SECRET }],
    ['client_secret_post', { client_id: 'post', client_secret: SECRET }],
    ['private_key_jwt', keySecret],
  ])('a client gets a token by %s', async (clientAuth, secret) => {
    const reply = await mint(custom({ client_auth: clientAuth, scope: 'read' }), secret);
    const token = reply.token();
    expect(token).toMatchObject({ tokenType: 'Bearer', scope: 'read' });
    expect(token.expiresAt - token.mintedAt).toBe(600_000);
    expect(reply.refreshToken).toBeUndefined();
  });

  test('a wrong secret is invalid_client, in spite of the challenge beside it', async () => {
    const secret = { client_id: 'basic', client_secret: 'wrong' };
    const error = await vendorErrorOf(mint(custom({}), secret));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'invalid_client' });
  });

  test('a scope that the client may not have is refused', async () => {
    const secret = { client_id: 'basic', client_secret: SECRET };
    const error = await vendorErrorOf(mint(custom({ scope: 'write' }), secret));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'invalid_scope' });
  });
});

test('without a client_auth member, it is client_secret_basic', async () => {
  const reply = await mint({ vendor: 'custom', issuer }, { client_id: 'basic', client_secret: SECRET });
  expect(reply.token().accessToken.reveal()).not.toBe('');
});

test('a token is revoked at the endpoint that was discovered', async () => {
  const members = { vendor: 'custom', issuer, client_auth: 'private_key_jwt' };
  const { accessToken: token } = (await mint(members, keySecret)).token();
  const call = await clientCall(members, keySecret);
  expect(await revokeToken({ ...call, token, tokenTypeHint: 'access_token' })).toBeUndefined();
});

/** What doctor advises of each way to prove oneself, where the server says what it takes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shown } from '../../functions/cli/doctor/check.ts';
import { adviseClients } from '../../functions/cli/doctor/clients.ts';
import type { Target } from '../../functions/cli/target.ts';
import { JWT_BEARER_GRANT } from '../../shared/connections/connection.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { json, startHttpPeer } from '../support/http-peer.ts';

let server: Awaited<ReturnType<typeof startHttpPeer>>;
beforeAll(async () => {
  server = await startHttpPeer();
});
afterAll(() => server.close());

const target = { isLocal: true } as Target;

/** Findings about one connection to a server that says this of itself. */
async function adviceFor(members: object, metadata: object = {}) {
  const issuer = server.origin;
  server.replyWith(json(200, { issuer, token_endpoint: `${issuer}/token`, ...metadata }));
  const it = { vendor: 'custom', ...('vendor' in members ? {} : { issuer }), ...members };
  const file = parseConnections({ connections: { it } }, { vendors: VENDORS, allowLoopbackHttp: true });
  return adviseClients({ target, listed: [{ connection: 'it' }], file });
}

const taking = (...methods: string[]) => ({ token_endpoint_auth_methods_supported: methods });
const signing = (...algorithms: string[]) => ({
  token_endpoint_auth_signing_alg_values_supported: algorithms,
});
const EVERYTHING = taking('none', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt');

test.each<[string, object, object, string]>([
  ['client_secret_post', {}, EVERYTHING, '"client_auth": "private_key_jwt"'],
  ['client_secret_basic_raw', {}, EVERYTHING, '"client_auth": "private_key_jwt"'],
  ['client_secret_jwt', {}, EVERYTHING, '"client_auth": "private_key_jwt"'],
  [
    'client_secret_post',
    {},
    taking('client_secret_basic', 'client_secret_jwt'),
    '"client_auth": "client_secret_jwt"',
  ],
  // A key of a kind that the broker cannot make is none.
  [
    'client_secret_post',
    {},
    { ...taking('client_secret_jwt', 'private_key_jwt'), ...signing('ES512') },
    '"client_auth": "client_secret_jwt"',
  ],
  ['none', { client_auth: 'none' }, taking('client_secret_post'), '"client_auth": "client_secret_post"'],
  ['private_key_jwt', {}, EVERYTHING, '"signing": "kms", "signing_alg": "RS256"'],
  ['private_key_jwt', {}, signing('EdDSA', 'ES384'), '"signing": "kms", "signing_alg": "ES384"'],
  ['none', { grant: JWT_BEARER_GRANT }, EVERYTHING, '"signing": "kms", "signing_alg": "RS256"'],
])('instead of %s with %j, of a server that says %j: %s', async (client_auth, more, metadata, fix) => {
  const [finding, ...others] = await adviceFor({ client_auth, ...more }, metadata);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    check: 'client of it',
    status: 'advice',
    fix: expect.stringContaining(fix),
  });
  expect(shown(finding!)).toMatch(/^→ client of it: .*\n {4}safer: "/);
});

test.each<[string, object, object]>([
  [
    'a server takes nothing safer',
    { client_auth: 'client_secret_post' },
    taking('client_secret_basic', 'none'),
  ],
  ['a server says nothing', { client_auth: 'client_secret_post' }, {}],
  ['no key in KMS is of a kind that the server takes', { client_auth: 'private_key_jwt' }, signing('EdDSA')],
  ['KMS signs', { client_auth: 'private_key_jwt', signing: 'kms' }, EVERYTHING],
  ['AWS vouches', { client_auth: 'aws_web_identity', client_id: 'a' }, EVERYTHING],
  ['a vendor takes nothing else', { vendor: 'bugsplat', scope: 'symbols' }, EVERYTHING],
  [
    'a vendor takes a key of services alone',
    { vendor: 'bugfender', grant: 'authorization_code' },
    EVERYTHING,
  ],
  [
    'nobody knows what the server takes',
    { vendor: 'custom', token_endpoint: 'https://as.example.com/token' },
    EVERYTHING,
  ],
])('nothing where %s', async (_, members, metadata) => {
  expect(await adviceFor(members, metadata)).toEqual([]);
});

test('a vendor that takes keys has them advised without any metadata', async () => {
  expect(await adviceFor({ vendor: 'bugfender' })).toMatchObject([
    { status: 'advice', fix: expect.stringContaining('"client_auth": "private_key_jwt"') },
  ]);
});

test('a server that says nothing of itself is skipped, and no file is nothing to advise about', async () => {
  server.replyWith(json(404, {}));
  const issuer = server.origin;
  const file = parseConnections(
    { connections: { it: { vendor: 'custom', issuer } } },
    { vendors: VENDORS, allowLoopbackHttp: true },
  );
  const listed = [{ connection: 'it' }];
  expect(await adviseClients({ target, listed, file })).toMatchObject([
    {
      check: 'client of it',
      status: 'skipped',
      detail: expect.stringContaining('no authorization server metadata'),
    },
  ]);
  expect(await adviseClients({ target, listed, file: undefined })).toEqual([]);
});

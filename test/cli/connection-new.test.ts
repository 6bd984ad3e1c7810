/** A connection that is written from a server's metadata: it is a valid one, and works there as it stands. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { json, startHttpPeer, text } from '../support/http-peer.ts';
import { type OidcProvider, startOidcProvider } from '../support/oidc-provider.ts';
import { mint } from '../vendors/support.ts';
import { environmentOf, start } from './support.ts';

const run = (...args: string[]) => start(environmentOf(), ['connection', 'new', ...args]).ended;

let certified: OidcProvider;
let peer: Awaited<ReturnType<typeof startHttpPeer>>;
beforeAll(async () => {
  [certified, peer] = await Promise.all([startOidcProvider(), startHttpPeer()]);
});
afterAll(() => Promise.all([certified.close(), peer.close()]));

/** A server that says this of itself. */
function saying(metadata: object): string {
  const issuer = peer.origin;
  peer.replyWith((response, received) =>
    (received.path === '/.well-known/oauth-authorization-server'
      ? json(200, { issuer, token_endpoint: `${issuer}/token`, ...metadata })
      : text(404, ''))(response, received),
  );
  return issuer;
}

const connectionOf = (stdout: string, name = 'server') => JSON.parse(stdout).connections[name];

test('it gets a token from a certified server, by a key, as that server prefers', async () => {
  const { code, stdout, stderr } = await run('it', '--issuer', certified.issuer, '--scope', 'read');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const members = connectionOf(stdout, 'it');
  expect(members).toMatchObject({ grant: 'client_credentials', client_auth: 'private_key_jwt' });
  expect((await mint(members, certified.secrets.es256)).token().scope).toBe('read');
  expect(stderr).toMatch(/^next: token-broker secret keygen it --alg EdDSA --jwk$/m);
});

test('what is asked for goes before what is preferred', async () => {
  const asked = ['--grant', 'authorization_code', '--client-auth', 'client_secret_post'];
  const { stdout, stderr } = await run('it', '--issuer', certified.issuer, ...asked);
  expect(connectionOf(stdout, 'it')).toMatchObject({
    grant: 'authorization_code',
    client_auth: 'client_secret_post',
    scope: 'offline_access',
  });
  expect(stderr).toContain('register /callback/it');
  expect(stderr).toMatch(/^next: token-broker secret put it, then token-broker connect it$/m);
});

test('a server that says nothing is taken as RFC 8414 has it', async () => {
  const { stdout, stderr } = await run('--issuer', saying({ authorization_endpoint: `${peer.origin}/a` }));
  expect(connectionOf(stdout)).toEqual({
    vendor: 'custom',
    issuer: peer.origin,
    grant: 'authorization_code',
    client_auth: 'client_secret_basic',
  });
  expect(stderr).toContain('revocation: the server has no endpoint');
});

test('habits of the server are settings, or said', async () => {
  const issuer = saying({
    authorization_endpoint: 'https://login.other.example/authorize',
    code_challenge_methods_supported: ['plain'],
    require_pushed_authorization_requests: true,
    pushed_authorization_request_endpoint: 'https://par.other.example/',
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_post'],
    token_endpoint_auth_signing_alg_values_supported: ['HS256'],
  });
  const { stdout, stderr } = await run('--issuer', issuer);
  expect(connectionOf(stdout)).toMatchObject({
    // There is no key that it takes.
    client_auth: 'client_secret_post',
    endpoint_hosts: ['login.other.example', 'par.other.example'],
    pkce: false,
  });
  expect(stderr).toContain('make sure that they are its own');
  for (const habit of ['RFC 9126', 'RFC 9207']) expect(stderr).toContain(habit);
});

test.each<[string, object, string[], string]>([
  ['a grant that it does not offer', {}, ['--grant', 'client_credentials'], 'offers authorization_code, not'],
  [
    'a method that nobody knows',
    { token_endpoint_auth_methods_supported: ['tls_client_auth'] },
    [],
    'takes tls_client_auth',
  ],
  ['metadata of another issuer', { issuer: 'https://other.example' }, [], 'must be identical'],
  ['an endpoint that is no URL', { revocation_endpoint: 'revoke' }, [], 'revocation_endpoint'],
])('%s is refused in words that help', async (_, metadata, args, words) => {
  const { code, stdout, stderr } = await run('--issuer', saying(metadata), ...args);
  expect({ code: code !== 0, stdout }).toEqual({ code: true, stdout: '' });
  expect(stderr).toContain(words);
});

test('a server without metadata is named, with the way that is left', async () => {
  peer.replyWith(text(404, ''));
  const { code, stderr } = await run('--issuer', peer.origin);
  expect(code).toBe(1);
  expect(stderr).toMatch(/has no authorization server metadata.*name the endpoints/s);
  expect((await run('--issuer', 'as.example.com')).stderr).toContain('is not a URL');
});

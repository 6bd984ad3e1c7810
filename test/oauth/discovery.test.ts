import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDiscovery, discover } from '../../shared/oauth/discovery.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { type HttpPeer, hangUp, json, type Reply, startHttpPeer, text } from '../support/http-peer.ts';
import { budgetOf, vendorErrorOf } from './support.ts';

const OAUTH = '/.well-known/oauth-authorization-server';
const OIDC = '/.well-known/openid-configuration';

let peer: HttpPeer;
let documents: Record<string, Reply>;
beforeAll(async () => {
  peer = await startHttpPeer();
});
beforeEach(() => {
  documents = {};
  peer.replyWith((response, received) => (documents[received.path] ?? text(404, 'none'))(response, received));
});
afterAll(() => peer.close());

const options = (endpointHosts: string[] = [], allowLoopbackHttp = true) => ({
  endpointHosts,
  allowLoopbackHttp,
  budget: budgetOf(),
});
const metadata = (members: Record<string, unknown> = {}) => ({
  issuer: peer.origin,
  token_endpoint: `${peer.origin}/token`,
  ...members,
});
const paths = () => peer.received.map(({ path }) => path);

describe('where metadata is', () => {
  test('every endpoint is found, as it is written', async () => {
    documents[OAUTH] = json(200, {
      ...metadata(),
      authorization_endpoint: `${peer.origin}/authorize?tenant=1`,
      device_authorization_endpoint: `${peer.origin}/device`,
      revocation_endpoint: `${peer.origin}/revoke`,
      userinfo_endpoint: `${peer.origin}`,
      authorization_response_iss_parameter_supported: true,
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      pushed_authorization_request_endpoint: `${peer.origin}/par`,
      require_pushed_authorization_requests: true,
    });
    expect(await discover(peer.origin, options())).toEqual({
      issuer: peer.origin,
      tokenEndpoint: `${peer.origin}/token`,
      authorizationEndpoint: `${peer.origin}/authorize?tenant=1`,
      deviceAuthorizationEndpoint: `${peer.origin}/device`,
      revocationEndpoint: `${peer.origin}/revoke`,
      userinfoEndpoint: peer.origin,
      issInResponse: true,
      assertionAlgorithms: ['ES256'],
      pushedAuthorizationRequestEndpoint: `${peer.origin}/par`,
    });
    expect(paths()).toEqual([OAUTH]);
  });

  test('requests are not pushed to a server that merely offers it, and a list that is none says nothing', async () => {
    documents[OAUTH] = json(200, {
      ...metadata(),
      token_endpoint_auth_signing_alg_values_supported: 'ES256',
      pushed_authorization_request_endpoint: `${peer.origin}/par`,
    });
    const found = await discover(peer.origin, options());
    expect(found).toEqual({
      issuer: peer.origin,
      tokenEndpoint: `${peer.origin}/token`,
      issInResponse: false,
    });
  });

  test.each(['/tenant/1', '/tenant/1/'])('with path %s it is put between host and path', async (path) => {
    documents[`${OAUTH}/tenant/1`] = json(200, metadata({ issuer: peer.origin + path }));
    expect((await discover(peer.origin + path, options())).issuer).toBe(peer.origin + path);
  });

  test.each<[string, Reply]>([
    ['a 404', text(404, '')],
    ['a 403', text(403, '')],
    ['a page', text(200, '<html>')],
  ])('after %s OpenID Connect’s place is tried', async (_, reply) => {
    documents[`${OAUTH}/t`] = reply;
    documents[`/t${OIDC}`] = json(200, metadata({ issuer: `${peer.origin}/t` }));
    expect((await discover(`${peer.origin}/t`, options())).tokenEndpoint).toBe(`${peer.origin}/token`);
    expect(paths()).toEqual([`${OAUTH}/t`, `/t${OIDC}`]);
  });

  test('a server that is down is asked again, and not elsewhere', async () => {
    peer.replyWith(text(503, ''), hangUp);
    const error = await vendorErrorOf(discover(peer.origin, options()));
    expect(error.code).toBe('vendor_unavailable');
    expect(paths()).toEqual([OAUTH, OAUTH]);
  });

  test('a server without metadata is told apart', async () => {
    const error = await vendorErrorOf(discover(peer.origin, options()));
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(error.message).toContain('no authorization server metadata');
  });

  test.each([
    'http://as.example',
    'https://as.example/?a=1',
    'https://as.example/#a',
    'https://user:pw@as.example',
    'https://127.0.0.1:1/',
    'https://[::1]/',
    'nothing',
  ])('issuer %s is never asked by a deployed broker', async (issuer) => {
    const error = await vendorErrorOf(discover(issuer, options([], false)));
    expect(error.message).toContain('The issuer must');
  });
});

describe('what metadata may say', () => {
  test.each([undefined, null, 7, '', 'https://other.example', 'WITH_SLASH'])(
    'issuer %j is not the one that was asked',
    async (issuer) => {
      documents[OAUTH] = json(
        200,
        metadata({ issuer: issuer === 'WITH_SLASH' ? `${peer.origin}/` : issuer }),
      );
      const error = await vendorErrorOf(discover(peer.origin, options()));
      expect(error).toMatchObject({ code: 'vendor_unavailable' });
      expect(error.message).toContain('issuer');
    },
  );

  const members = [
    'token_endpoint',
    'authorization_endpoint',
    'device_authorization_endpoint',
    'revocation_endpoint',
    'userinfo_endpoint',
  ];
  const foreign = [
    'https://evil.example/x',
    'http://evil.example/x',
    'https://192.0.2.1/x',
    'https://0x7f000001/x',
    'https://[2001:db8::1]/x',
    'https://user@HOST/x',
    'https://HOST/x#fragment',
    'http://localhost:1/x',
    '//HOST/x',
    '/x',
    'javascript:alert(1)',
    7,
    {},
    '',
  ];
  const cases = members.flatMap((member) => foreign.map((value) => [member, value] as const));
  test.each(cases)('%s %j is refused by name', async (member, value) => {
    const url = typeof value === 'string' ? value.replace('HOST', peer.host) : value;
    documents[OAUTH] = json(200, metadata({ [member]: url }));
    const error = await vendorErrorOf(discover(peer.origin, options()));
    expect(error).toMatchObject({ code: 'vendor_unavailable' });
    expect(error.message).toContain(member);
  });

  test('null stands for an endpoint that is not there, but the token endpoint must be', async () => {
    documents[OAUTH] = json(200, metadata({ revocation_endpoint: null }));
    expect((await discover(peer.origin, options())).revocationEndpoint).toBeUndefined();
    documents[OAUTH] = json(200, { issuer: peer.origin });
    const error = await vendorErrorOf(discover(peer.origin, options()));
    expect(error.message).toContain('has no token_endpoint');
  });

  test('endpoints may be on hosts that the connection names, port included', async () => {
    documents[OAUTH] = json(
      200,
      metadata({ token_endpoint: 'https://a.example/t', userinfo_endpoint: 'https://b.example:8443/u' }),
    );
    const found = await discover(peer.origin, options(['a.example', 'b.example:8443']));
    expect(found.tokenEndpoint).toBe('https://a.example/t');
    const error = await vendorErrorOf(discover(peer.origin, options(['a.example', 'b.example'])));
    expect(error.message).toContain('userinfo_endpoint');
  });
});

describe('the cache', () => {
  test('one request serves everybody at once, and all who come within the hour', async () => {
    documents[OAUTH] = json(200, metadata());
    const clock = fakeClock();
    const discovery = createDiscovery({ clock, allowLoopbackHttp: true });
    const ask = () => discovery.find({ issuer: peer.origin, endpointHosts: [] }, budgetOf(clock));
    await Promise.all([ask(), ask(), ask()]);
    clock.advance(3_599_000);
    await ask();
    expect(paths()).toHaveLength(1);
    clock.advance(1_000);
    await ask();
    expect(paths()).toHaveLength(2);
  });

  test('what was found under other rules is not reused', async () => {
    documents[OAUTH] = json(200, metadata({ userinfo_endpoint: 'https://a.example/u' }));
    const discovery = createDiscovery({ clock: fakeClock(), allowLoopbackHttp: true });
    await discovery.find({ issuer: peer.origin, endpointHosts: ['a.example'] }, budgetOf());
    await vendorErrorOf(discovery.find({ issuer: peer.origin, endpointHosts: [] }, budgetOf()));
  });

  test('a failure is shared by those who wait for it, and by nobody after', async () => {
    const clock = fakeClock();
    const discovery = createDiscovery({ clock, allowLoopbackHttp: true });
    const ask = () => discovery.find({ issuer: peer.origin, endpointHosts: [] }, budgetOf(clock));
    const outcomes = await Promise.allSettled([ask(), ask()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(paths()).toEqual([OAUTH, OIDC]);
    documents[OAUTH] = json(200, metadata());
    expect((await ask()).issuer).toBe(peer.origin);
  });

  test('what was found is used on for a day while the server does not give its metadata, asked for each minute', async () => {
    documents[OAUTH] = json(200, metadata());
    const clock = fakeClock();
    const discovery = createDiscovery({ clock, allowLoopbackHttp: true });
    const ask = () => discovery.find({ issuer: peer.origin, endpointHosts: [] }, budgetOf(clock));
    await ask();
    documents[OAUTH] = (response) => response.writeHead(503).end();
    clock.advance(3_600_000);
    expect((await ask()).tokenEndpoint).toBe(`${peer.origin}/token`);
    await ask();
    expect(paths()).toHaveLength(2);
    clock.advance(60_000);
    await ask();
    expect(paths()).toHaveLength(3);
    clock.advance(86_400_000);
    expect((await vendorErrorOf(ask())).code).toBe('vendor_unavailable');
  });

  test('an endpoint that is gone is looked for again, once a minute at most', async () => {
    documents[OAUTH] = json(200, metadata());
    const clock = fakeClock();
    const discovery = createDiscovery({ clock, allowLoopbackHttp: true });
    const server = { issuer: peer.origin, endpointHosts: [] };
    const ask = () => discovery.find(server, budgetOf(clock));
    await ask();
    documents[OAUTH] = json(200, metadata({ token_endpoint: `${peer.origin}/new` }));
    discovery.doubt(server);
    expect((await ask()).tokenEndpoint).toBe(`${peer.origin}/token`);
    clock.advance(60_000);
    discovery.doubt(server);
    expect((await ask()).tokenEndpoint).toBe(`${peer.origin}/new`);
  });
});

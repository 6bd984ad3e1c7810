import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OUT_OF_BAND } from '../../shared/connections/connection.ts';
import { ConnectionsFileError } from '../../shared/connections/issues.ts';
import { parseConnections, parseConnectionsText } from '../../shared/connections/parse.ts';
import { VENDORS as SHIPPED } from '../../shared/vendors/index.ts';
import { connection, issuesOf, mistakes, parse, VENDORS } from '../support/connections.ts';

const OPTIONS = { vendors: VENDORS, allowLoopbackHttp: false };

test('a connection that names only its vendor gets every default', () => {
  expect(connection()).toEqual({
    name: 'it',
    vendor: 'open',
    endpointHosts: [],
    grant: 'client_credentials',
    clientAuth: 'client_secret_post',
    secret: 'token-broker/it',
    scope: [],
    scopes: [],
    authorizeParams: {},
    refresh: 'keep_warm',
    returnHosts: [],
    server: {},
    vendorBudget: { perMinute: 120, perPrincipal: 60 },
    rotateEvery: 86_400,
    apiHosts: ['open.example'],
    directInvoke: true,
    servesJwks: false,
    minMintInterval: 30,
  });
});

test('a connection that says everything is taken at its word', () => {
  const rule = {
    principal: 'arn:aws:iam::111122223333:role/ci-*',
    scopes: ['b'],
    subjects: ['ann'],
    actions: ['token', 'consent'],
  };
  const members = {
    base_url: 'https://sandbox.example.com/',
    issuer: 'https://as.example.com/tenant',
    token_endpoint: 'https://as.example.com/token',
    authorization_endpoint: 'https://as.example.com/authorize',
    device_authorization_endpoint: 'https://as.example.com/device',
    revocation_endpoint: 'https://as.example.com/revoke',
    userinfo_endpoint: 'https://as.example.com/me',
    endpoint_hosts: ['login.example.com', 'login.example.com:8443'],
    grant: 'authorization_code',
    client_auth: 'private_key_jwt',
    secret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:team/open-AbCdEf',
    scope: 'b a b',
    scopes: ['c', 'b', 'a'],
    callers: [rule, { principal: 'arn:aws:iam::111122223333:root' }],
    redirect_uri: OUT_OF_BAND,
    authorize_params: { prompt: 'consent' },
    refresh: 'on_use',
    return_hosts: ['portal.example.com'],
    vendor_budget: { per_minute: 9 },
    rotate_every: 3600,
    api_hosts: ['api.example.com'],
    direct_invoke: true,
    min_mint_interval: 0,
    owner: 'Team Ä',
    tags: { cost: 'x' },
  };
  expect(connection(members)).toEqual({
    name: 'it',
    vendor: 'open',
    baseUrl: 'https://sandbox.example.com',
    issuer: members.issuer,
    tokenEndpoint: members.token_endpoint,
    authorizationEndpoint: members.authorization_endpoint,
    deviceAuthorizationEndpoint: members.device_authorization_endpoint,
    revocationEndpoint: members.revocation_endpoint,
    userinfoEndpoint: members.userinfo_endpoint,
    endpointHosts: members.endpoint_hosts,
    grant: 'authorization_code',
    clientAuth: 'private_key_jwt',
    secret: members.secret,
    scope: ['a', 'b'],
    scopes: ['a', 'b', 'c'],
    callers: [rule, { principal: 'arn:aws:iam::111122223333:root', actions: ['token', 'read'] }],
    redirectUri: OUT_OF_BAND,
    authorizeParams: { prompt: 'consent' },
    refresh: 'on_use',
    returnHosts: ['portal.example.com'],
    server: {},
    vendorBudget: { perMinute: 9, perPrincipal: 9 },
    rotateEvery: 3600,
    apiHosts: ['api.example.com'],
    directInvoke: true,
    servesJwks: false,
    minMintInterval: 0,
    owner: 'Team Ä',
    tags: { cost: 'x' },
  });
});

test('connections come in the order of the file, under names that objects would trip over too', () => {
  const names = ['z', 'constructor', 'a', 'toString', 'prototype'];
  const file = Object.fromEntries(names.map((name) => [name, { vendor: 'open' }]));
  expect([...parse(file).keys()]).toEqual(names);
});

/** Members of one `open` connection, and where, what and which alternative the only issue must name. */
const WRONG: [title: string, members: object, path: string, found: string | RegExp, allowed: RegExp][] = [
  [
    'an unknown vendor',
    { vendor: 'opn' },
    'vendor',
    '"opn"',
    /one of "open", "narrow" \(did you mean "open"\?\)/,
  ],
  ['a vendor named like a prototype member', { vendor: 'toString' }, 'vendor', '"toString"', /"open"/],
  ['a missing vendor', { vendor: undefined }, 'vendor', 'missing', /"open", "narrow"/],
  [
    'a misspelt member',
    { clientAuth: 'none' },
    'clientAuth',
    /unknown/,
    /client_auth,.*mean "client_auth"\?/,
  ],
  ['a member like no other', { tax: 1 }, 'tax', 'an unknown member', /tags$/],
  ['a secret in the file', { client_secret: 'hush' }, 'client_secret', /unknown/, /Secrets Manager/],
  ['a member of the wrong type', { scope: ['a'] }, 'scope', 'an array', /scope tokens/],
  ['null', { owner: null }, 'owner', 'null', /1-256 characters/],
  ['two spaces in a scope', { scope: 'a  b' }, 'scope', '"a  b"', /one space/],
  ['an empty scope', { scope: '' }, 'scope', '""', /scope tokens/],
  ['a scope token with a quote', { scopes: ['a', 'b"'] }, 'scopes[1]', '"b\\""', /RFC 6749/],
  ['no scopes at all in a list', { scopes: [] }, 'scopes', 'an empty array', /at least one scope/],
  ['a default scope outside scopes', { scope: 'a d', scopes: ['a', 'b'] }, 'scope', '"d"', /"a", "b"/],
  [
    'an unknown grant',
    { grant: 'password' },
    'grant',
    '"password"',
    /"client_credentials", "authorization_code"/,
  ],
  ['an unknown client_auth', { client_auth: 'post' }, 'client_auth', '"post"', /"client_secret_post"/],
  [
    "a client_auth that is not the vendor's",
    { client_auth: 'client_secret_basic_raw' },
    'client_auth',
    /raw/,
    /"none"/,
  ],
  ['http', { base_url: 'http://as.example.com' }, 'base_url', /http:/, /^https:\/\/HOST/],
  ['http on loopback', { issuer: 'http://127.0.0.1:1' }, 'issuer', /127/, /absolute https URL/],
  ['a host that starts like loopback', { issuer: 'http://localhost.evil' }, 'issuer', /evil/, /https/],
  ['a relative URL', { token_endpoint: '/token' }, 'token_endpoint', '"/token"', /absolute https/],
  ['a URL without slashes', { token_endpoint: 'https:as.example.com' }, 'token_endpoint', /as/, /absolute/],
  [
    'a URL with a backslash',
    { issuer: 'https://a.example\\@b.example' },
    'issuer',
    /redacted|a\.example/,
    /absolute/,
  ],
  [
    'a URL with a password',
    { issuer: 'https://u:hush@a.example' },
    'issuer',
    '"https://[redacted]@a.example"',
    /credentials/,
  ],
  ['a fragment', { revocation_endpoint: 'https://a.example/#x' }, 'revocation_endpoint', /#x/, /fragment/],
  ['an issuer with a query', { issuer: 'https://a.example/?x' }, 'issuer', /\?x/, /without a query/],
  ['a base URL with a path', { base_url: 'https://a.example/v1' }, 'base_url', /v1/, /no more/],
  ['a base URL with a query', { base_url: 'https://a.example?' }, 'base_url', /\?/, /no more/],
  ['a member that the vendor does not take', { tenant: 'acme' }, 'tenant', 'present', /vendor "open" takes/],
  ['a host with a scheme', { api_hosts: ['https://a.example'] }, 'api_hosts[0]', /https/, /without scheme/],
  ['a host in capitals', { api_hosts: ['A.example'] }, 'api_hosts[0]', /A/, /lower case/],
  [
    'a host with the default port',
    { api_hosts: ['a.example:443'] },
    'api_hosts[0]',
    /443/,
    /unless that is 443/,
  ],
  ['a host with a path', { api_hosts: ['a.example/x'] }, 'api_hosts[0]', /x/, /path/],
  ['a wildcard host', { api_hosts: ['b.example', '*.example'] }, 'api_hosts[1]', /\*/, /wildcard/],
  [
    'an address as endpoint host',
    { endpoint_hosts: ['10.0.0.1'] },
    'endpoint_hosts[0]',
    /10/,
    /not an IP address/,
  ],
  ['an IPv6 endpoint host', { endpoint_hosts: ['[::1]'] }, 'endpoint_hosts[0]', /::1/, /not an IP address/],
  [
    'a secret of the broker',
    { secret: 'token-broker-internal/rescue/x' },
    'secret',
    /rescue/,
    /the broker's own/,
  ],
  ['a secret of a stage of the broker', { secret: 'dev-token-broker-internal/x' }, 'secret', /dev/, /own/],
  [
    "a broker's secret by ARN",
    { secret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:token-broker-internal/k-AbCdEf' },
    'secret',
    /internal/,
    /own/,
  ],
  [
    'a secret value for a name',
    { secret: 'hush hush!' },
    'secret',
    'a string of 10 characters with " " in it',
    /never a value/,
  ],
  ['a secret object', { secret: { client_secret: 'hush' } }, 'secret', 'an object', /name or ARN/],
  ['an ARN of something else', { secret: 'arn:aws:s3:::hush' }, 'secret', 'a string of 17 characters', /ARN/],
  ['no callers', { callers: [] }, 'callers', 'an empty array', /at least one rule/],
  ['a caller without principal', { callers: [{}] }, 'callers[0].principal', 'missing', /arn:PARTITION:iam/],
  ['a caller that is a string', { callers: ['x'] }, 'callers[0]', '"x"', /"principal"/],
  [
    "an assumed role's ARN",
    { callers: [{ principal: 'arn:aws:sts::111122223333:assumed-role/ci/x' }] },
    'callers[0].principal',
    /assumed/,
    /name the role, not its session: arn:aws:iam::111122223333:role\/ci$/,
  ],
  [
    'a pattern behind a path',
    { callers: [{ principal: 'arn:aws:iam::111122223333:role/team/*' }] },
    'callers[0].principal',
    /team/,
    /a session's ARN carries no path, so a name with \* stands alone: role\/NAME$/,
  ],
  [
    'a bare account',
    { callers: [{ principal: '111122223333' }] },
    'callers[0].principal',
    /1111/,
    /111122223333:root$/,
  ],
  [
    '* in a user',
    { callers: [{ principal: 'arn:aws:iam::111122223333:user/*' }] },
    'callers[0].principal',
    /user/,
    /only inside the name of a role$/,
  ],
  ['* alone', { callers: [{ principal: '*' }] }, 'callers[0].principal', '"*"', /role\/NAME/],
  [
    'an unknown member of a caller',
    { callers: [{ principal: 'arn:aws:iam::111122223333:root', scope: 'a' }] },
    'callers[0].scope',
    /unknown/,
    /principal, scopes, subjects, actions \(did you mean "scopes"\?\)/,
  ],
  [
    'an unknown action',
    { callers: [{ principal: 'arn:aws:iam::111122223333:root', actions: ['write'] }] },
    'callers[0].actions[0]',
    '"write"',
    /"token", "read", "consent", "revoke"/,
  ],
  [
    'a subject with a slash',
    { callers: [{ principal: 'arn:aws:iam::111122223333:root', subjects: ['a/b'] }] },
    'callers[0].subjects[0]',
    '"a/b"',
    /without "\/"/,
  ],
  [
    'a rule for a scope that cannot be asked for',
    { scope: 'a', callers: [{ principal: 'arn:aws:iam::111122223333:root', scopes: ['a', 'b'] }] },
    'callers[0].scopes[1]',
    '"b"',
    /scopes of this connection: "a"/,
  ],
  [
    'a redirect for a grant without',
    { redirect_uri: OUT_OF_BAND },
    'redirect_uri',
    'present',
    /authorization_code/,
  ],
  [
    'a relative redirect',
    { grant: 'authorization_code', redirect_uri: '/cb' },
    'redirect_uri',
    '"/cb"',
    /absolute/,
  ],
  [
    'a plain http redirect',
    { grant: 'authorization_code', redirect_uri: 'http://a.example/cb' },
    'redirect_uri',
    /http/,
    /loopback/,
  ],
  [
    'parameters for a grant without',
    { authorize_params: {} },
    'authorize_params',
    'present',
    /authorization_code/,
  ],
  [
    'a parameter of the broker',
    { grant: 'authorization_code', authorize_params: { prompt: 'x', state: 'y' } },
    'authorize_params.state',
    'present',
    /"response_type".*"code_challenge_method"/,
  ],
  [
    'a parameter that is no string',
    { grant: 'authorization_code', authorize_params: { prompt: 1 } },
    'authorize_params.prompt',
    '1',
    /a string/,
  ],
  ['tags as array', { tags: ['a'] }, 'tags', 'an array', /object of strings/],
  [
    'a tag that pollutes',
    { tags: JSON.parse('{"__proto__":"x"}') },
    'tags',
    'an object',
    /without the names __proto__/,
  ],
  ['a tag with a newline', { tags: { a: 'b\nc' } }, 'tags.a', '"b\\nc"', /no control characters/],
  ['refresh without refresh tokens', { refresh: 'on_use' }, 'refresh', 'present', /client_credentials/],
  ['rotation without refresh tokens', { rotate_every: 60 }, 'rotate_every', 'present', /client_credentials/],
  [
    'rotation of what is kept warm',
    { grant: 'authorization_code', rotate_every: 60 },
    'rotate_every',
    'present',
    /"on_use"/,
  ],
  [
    'half seconds',
    { min_mint_interval: 1.5 },
    'min_mint_interval',
    '1.5',
    /whole number of seconds from 0 to 86400/,
  ],
  ['what is wrong twice', { min_mint_interval: -1.5 }, 'min_mint_interval', '-1.5', /whole number/],
  ['a negative time', { min_mint_interval: -1 }, 'min_mint_interval', '-1', /from 0/],
  ['seconds as text', { min_mint_interval: '30' }, 'min_mint_interval', '"30"', /whole number/],
  ['a yes as text', { direct_invoke: 'yes' }, 'direct_invoke', '"yes"', /true or false/],
];

test.each(WRONG)('%s is refused: path, found, allowed', (_title, members, path, found, allowed) => {
  const issues = mistakes({ it: { vendor: 'open', ...members } });
  expect(issues).toHaveLength(1);
  expect(issues[0]!.path).toBe(`connections.it.${path}`);
  if (typeof found === 'string') expect(issues[0]!.found).toBe(found);
  else expect(issues[0]!.found).toMatch(found);
  expect(issues[0]!.allowed).toMatch(allowed);
  expect(JSON.stringify(issues)).not.toContain('hush');
});

describe("the vendor's rules", () => {
  const narrow = (members: object) => mistakes({ it: { vendor: 'narrow', tenant: 'acme', ...members } });

  test('a required member that is missing is named', () => {
    expect(mistakes({ it: { vendor: 'narrow', scope: 'symbols' } })).toEqual([
      { path: 'connections.it.tenant', found: 'missing', allowed: 'required with vendor "narrow"' },
    ]);
  });

  test('a grant of another vendor is refused with the grants of this one', () => {
    const [issue] = narrow({ scope: 'symbols', grant: 'authorization_code' });
    expect(issue).toEqual({
      path: 'connections.it.grant',
      found: '"authorization_code"',
      allowed: 'with vendor "narrow": "client_credentials"',
    });
  });

  test('an unknown scope is refused wherever it stands', () => {
    const issues = narrow({ scope: 'symbol', scopes: ['symbol', 'restricted'] });
    expect(issues.map(({ path }) => path)).toEqual(['connections.it.scope', 'connections.it.scopes[0]']);
    expect(issues[0]!.allowed).toBe(
      'scopes of vendor "narrow": "symbols", "restricted" (did you mean "symbols"?)',
    );
  });

  test('a default scope that the vendor would not give is refused, and so is none', () => {
    expect(narrow({ scope: 'symbols restricted' })[0]!.allowed).toMatch(/exactly one/);
    expect(narrow({})[0]).toMatchObject({ path: 'connections.it.scope', found: 'missing' });
  });

  test('scopes without a default leave the choice to each request', () => {
    const file = { it: { vendor: 'narrow', tenant: 'acme', scopes: ['symbols', 'restricted'] } };
    expect(parse(file).get('it')).toMatchObject({ scope: [], scopes: ['restricted', 'symbols'] });
  });

  test('what only the vendor knows is asked of it last, and its API hosts depend on the connection', () => {
    expect(narrow({ scope: 'symbols', owner: 'nobody' })[0]!.allowed).toBe('somebody');
    const file = { it: { vendor: 'narrow', tenant: 'acme', scope: 'symbols' } };
    expect(parse(file).get('it')!.apiHosts).toEqual(['acme-api.narrow.example']);
  });
});

describe('a shared secret', () => {
  const ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:shared-AbCdEf';
  const two = (a: object, b: object) => ({ a: { vendor: 'open', ...a }, b: { vendor: 'open', ...b } });

  test('is fine for one vendor and one host', () => {
    expect(parse(two({ secret: 'shared' }, { secret: 'shared', scope: 'x' })).size).toBe(2);
    expect(parse(two({ secret: 'shared' }, { secret: ARN })).size).toBe(2);
  });

  test.each([
    ['another host', { secret: 'shared' }, { secret: 'shared', issuer: 'https://evil.example' }],
    [
      'another host by base URL',
      { secret: 'shared' },
      { secret: 'shared', base_url: 'https://evil.example' },
    ],
    [
      'another vendor',
      { secret: 'shared' },
      { vendor: 'narrow', tenant: 't', scope: 'symbols', secret: 'shared' },
    ],
    [
      'another host, by its revocation endpoint',
      { secret: 'shared' },
      { secret: 'shared', revocation_endpoint: 'https://evil.example/revoke' },
    ],
    [
      'another host, where endpoints may be discovered on it',
      { secret: 'shared' },
      { secret: 'shared', endpoint_hosts: ['evil.example'] },
    ],
    ['another host, once by ARN', { secret: ARN }, { secret: 'shared', issuer: 'https://evil.example' }],
    ['another host, by its default name', {}, { secret: 'token-broker/a', issuer: 'https://evil.example' }],
    [
      'another host, by the ARN of a replica',
      { secret: ARN },
      { secret: ARN.replace('eu-west-1', 'us-east-1'), issuer: 'https://evil.example' },
    ],
  ])('is refused for %s', (_title, a, b) => {
    const issues = mistakes(two(a, b));
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({ path: 'connections.b.secret' });
    expect(issues[0]!.allowed).toMatch(
      /a secret of its own: connection "a" sends this one to vendor "open" at/,
    );
  });

  test('as little is AWS’s word for one audience sent to two servers', () => {
    const vouched = { vendor: 'custom', client_auth: 'aws_web_identity', client_id: 'a' };
    const both = (identity_audience: string) => ({
      a: { ...vouched, issuer: 'https://as.example' },
      b: { ...vouched, issuer: 'https://evil.example', identity_audience },
    });
    const parsed = (audience: string) =>
      parseConnections({ connections: both(audience) }, { ...OPTIONS, vendors: SHIPPED });
    expect(parsed('https://evil.example').size).toBe(2);
    expect(() => parsed('https://as.example')).toThrow(
      /connections\.b\.identity_audience.*an audience of its own: connection "a" sends this one to vendor "custom" at as\.example/s,
    );
  });

  test('is none when the accounts differ', () => {
    const other = ARN.replace('111122223333', '444455556666');
    expect(parse(two({ secret: ARN }, { secret: other, issuer: 'https://b.example' })).size).toBe(2);
  });
});

test('two servers may not have one redirect URI', () => {
  const back = {
    vendor: 'open',
    issuer: 'https://as.example',
    grant: 'authorization_code',
    scope: 'a',
    redirect_uri: 'https://broker.example/callback',
  };
  const both = (b: object) => ({ a: back, b: { ...back, secret: 'another', ...b } });
  const issues = mistakes(both({ ...back, issuer: 'https://other.example' }));
  expect(issues).toEqual([
    {
      path: 'connections.b.redirect_uri',
      found: expect.stringContaining('which connection "a" has for another server'),
      allowed: expect.stringContaining('a redirect URI for each server'),
    },
  ]);
  expect(parse(both(back)).size).toBe(2);
});

test('http redirects to loopback pass everywhere: it is the person whose machine that is', () => {
  const members = { grant: 'authorization_code', redirect_uri: 'http://127.0.0.1:8080/cb' };
  expect(parse({ it: { vendor: 'open', ...members } }).get('it')!.redirectUri).toBe(members.redirect_uri);
});

test.each(['http://localhost.evil', 'http://127.0.0.1.evil', 'http://128.0.0.1', 'http://[::2]'])(
  '%s is not loopback, even in the local program',
  (issuer) => {
    expect(issuesOf(() => parse({ it: { vendor: 'open', issuer } }, true))).toHaveLength(1);
  },
);

test('nothing is concluded from a member that is wrong in itself', () => {
  const paths = (members: object) =>
    mistakes({ it: { vendor: 'open', ...members } }).map(({ path }) => path.replace('connections.it.', ''));
  expect(paths({ grant: 'authorization_code', refresh: 5, rotate_every: 60 })).toEqual(['refresh']);
  expect(paths({ callers: 5 })).toEqual(['callers']);
  expect(paths({ grant: 5, redirect_uri: OUT_OF_BAND, rotate_every: 5, refresh: 'on_use' })).toEqual([
    'grant',
  ]);
  expect(paths({ scopes: 5, scope: 'a' })).toEqual(['scopes']);
  expect(paths({ vendor: 'narrow', tenant: 'acme', grant: 5 })).toEqual(['grant']);
  expect(paths({ vendor: 'narrow', tenant: 'acme', scope: 5 })).toEqual(['scope']);
});

test('a member that the vendor does not take is told apart from its value being wrong', () => {
  const issues = mistakes({ it: { vendor: 'open', tenant: 5 } });
  expect(issues.map(({ found }) => found)).toEqual(['5', 'present']);
});

test('http on loopback passes in the local program, and there only', () => {
  const members = { vendor: 'open', base_url: 'http://localhost:8080', issuer: 'http://[::1]:1/x' };
  expect(parse({ it: members }, true).get('it')).toMatchObject({ baseUrl: 'http://localhost:8080' });
  expect(mistakes({ it: members }).map(({ path }) => path)).toEqual([
    'connections.it.issuer',
    'connections.it.base_url',
  ]);
});

test.each(['1234', 'a b', '', 'x'.repeat(65), '../x', 'ä', 'a:b'])('the name %j is refused', (name) => {
  const issues = mistakes({ [name]: { vendor: 'open' } });
  expect(issues).toHaveLength(1);
  const [issue] = issues;
  expect(issue!.found).toBe(`the name ${JSON.stringify(name)}`);
  expect(issue!.allowed).toMatch(/not digits alone/);
});

test('__proto__ is neither a name nor a member', () => {
  const text =
    '{"connections":{"__proto__":{"vendor":"open"},"it":{"vendor":"open","__proto__":{"x":1}}},"__proto__":1}';
  const issues = issuesOf(() => parseConnectionsText(text, OPTIONS));
  expect(issues.map(({ path }) => path)).toEqual([
    '__proto__',
    'connections.__proto__',
    'connections.it.__proto__',
  ]);
  expect(({} as { x?: number }).x).toBeUndefined();
});

test('all mistakes of all connections are told at once, readably', () => {
  const file = {
    connections: {
      a: {
        vendor: 'open',
        scope: 1,
        grant: 'x',
        tenant: 't',
        secret: 'token-broker-internal/',
        colour: 'red',
      },
      b: { vendor: 'nope', owner: '' },
      c: null,
    },
    schema: 'x',
  };
  const attempt = () => parseConnections(file, OPTIONS);
  expect(issuesOf(attempt).map(({ path }) => path)).toEqual([
    'schema',
    'connections.a.colour',
    'connections.a.grant',
    'connections.a.scope',
    'connections.a.tenant',
    'connections.a.secret',
    'connections.b.owner',
    'connections.b.vendor',
    'connections.c',
  ]);
  expect(attempt).toThrow(
    /^The connections file has 9 mistakes:\n {2}schema\n {4}found: {3}an unknown member\n/,
  );
});

test.each([[null], [[]], ['x'], [{}], [{ connections: [] }], [{ connections: 'x' }]])(
  'the file %j is refused with what a file looks like',
  (file) => {
    const issues = issuesOf(() => parseConnections(file, OPTIONS));
    expect(issues[0]!.allowed).toMatch(/"connections": \{NAME/);
  },
);

test('an editor may find its schema', () => {
  expect(parseConnections({ $schema: './x.json', connections: {} }, OPTIONS).size).toBe(0);
  expect(issuesOf(() => parseConnections({ $schema: 1, connections: {} }, OPTIONS))[0]!.path).toBe('$schema');
});

describe('the text of a file', () => {
  test('that is not JSON is refused with line and column', () => {
    const [issue] = issuesOf(() => parseConnectionsText('{\n  "connections": {},\n}', OPTIONS));
    expect(issue).toMatchObject({
      path: 'the file, line 3, column 1',
      found: expect.stringMatching(/^"\}"/),
    });
    expect(issuesOf(() => parseConnectionsText('{', OPTIONS))[0]!.found).toBe('the end');
    expect(issuesOf(() => parseConnectionsText('', OPTIONS))[0]!.path).toBe('the file, line 1, column 1');
  });

  test.each([
    ['{\n  "a": bugsplat }', 'line 2, column 8', '"b"'],
    ['{"a": tru}', 'line 1, column 10', '"}"'],
    ["{'a': 1}", 'line 1, column 2', `"'"`],
    ['{"a": 1 // one\n}', 'line 1, column 9', '"/"'],
    ['{"a": [1 2]}', 'line 1, column 10', '"2"'],
    ['{"a": "\\x"}', 'line 1, column 9', '"x"'],
    ['{"a": 1}}', 'line 1, column 9', '"}"'],
    ['{"a": "b', 'line 1, column 9', 'the end'],
  ])('%j is wrong at %s', (text, place, found) => {
    const [issue] = issuesOf(() => parseConnectionsText(text, OPTIONS));
    expect(issue).toMatchObject({ path: `the file, ${place}`, found: expect.stringContaining(found) });
  });

  test('that has a name twice is refused, however the name is written', () => {
    const text = String.raw`{"connections": {"a": {"vendor": "open"}, "b": {"vendor": "open", "callers": [
      {"principal": "x"}, {"principal": "{\"a\":1,\"a\":2}", "princip\u0061l": "z"}]}, "\u0061": {"vendor": "narrow"}}}`;
    expect(issuesOf(() => parseConnectionsText(text, OPTIONS))).toEqual([
      {
        path: 'connections.b.callers[1].principal',
        found: 'the same name twice in one object',
        allowed: 'each name once',
      },
      { path: 'connections.a', found: 'the same name twice in one object', allowed: 'each name once' },
    ]);
  });

  test('is parsed like its value', () => {
    const file = {
      connections: { a: { vendor: 'open', scope: 'x' }, b: { vendor: 'open', tags: { a: 'a' } } },
    };
    expect(parseConnectionsText(JSON.stringify(file), OPTIONS)).toEqual(parseConnections(file, OPTIONS));
  });
});

test('whatever the file holds, it is parsed or refused with all three parts of each issue', () => {
  const member = fc.constantFrom(
    ...[
      'vendor',
      'tenant',
      'base_url',
      'issuer',
      'grant',
      'client_auth',
      'secret',
      'scope',
      'scopes',
      'callers',
    ],
    ...['redirect_uri', 'authorize_params', 'refresh', 'rotate_every', 'api_hosts', 'tags', '__proto__', 'x'],
  );
  const value = fc.oneof(
    fc.constantFrom('open', 'narrow', 'authorization_code', 'on_use', 'https://a.example', 'a b'),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const entry = fc.oneof(fc.dictionary(member, value), fc.jsonValue({ maxDepth: 2 }));
  const file = fc.oneof(fc.record({ connections: fc.dictionary(fc.string(), entry) }), fc.jsonValue());
  fc.assert(
    fc.property(file, (json) => {
      try {
        parseConnectionsText(JSON.stringify(json), OPTIONS);
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionsFileError);
        for (const issue of (error as ConnectionsFileError).issues) {
          expect(Object.values(issue).every((part) => part.length > 0 && !part.includes('\n'))).toBe(true);
        }
      }
    }),
    { numRuns: 300 },
  );
});

describe('renamed_from', () => {
  const OPEN = { vendor: 'open' };
  const parsed = (connections: object) => parseConnections({ connections }, OPTIONS);

  test('keeps the secret that the former name had', () => {
    const { renamedFrom, secret } = parsed({ pay: { ...OPEN, renamed_from: 'onboarding' } }).get('pay')!;
    expect({ renamedFrom, secret }).toEqual({ renamedFrom: 'onboarding', secret: 'token-broker/onboarding' });
  });

  test.each([
    [{ pay: { ...OPEN, renamed_from: 'pay' } }, /is or was the name of "pay"/],
    [{ pay: { ...OPEN, renamed_from: 'other' }, other: OPEN }, /is or was the name of "other"/],
    [
      { one: { ...OPEN, renamed_from: 'old' }, two: { ...OPEN, renamed_from: 'old' } },
      /two\.renamed_from.*is or was the name of "one"/s,
    ],
    [{ pay: { ...OPEN, renamed_from: '42' } }, /former name/],
  ])('is a name that nobody has: %j', (connections, message) => {
    expect(() => parsed(connections)).toThrow(message);
  });
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { connectionsJsonSchema } from '../../infra/connections-schema.ts';
import { parseConnectionsText } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { issuesOf } from '../support/connections.ts';

const read = (file: string) => readFileSync(new URL(`../../infra/${file}`, import.meta.url), 'utf8');
const OPTIONS = { vendors: VENDORS, allowLoopbackHttp: false };

const one = (members: object) => () =>
  parseConnectionsText(JSON.stringify({ connections: { it: members } }), OPTIONS);

test('the schema for editors is the one of the code', () => {
  const written = JSON.parse(read('connections.schema.json'));
  const stale = 'infra/connections.schema.json is stale: npm run schema';
  expect(written, stale).toEqual(JSON.parse(connectionsJsonSchema()));
});

test('the schema for editors names every vendor and describes every member', () => {
  const { properties } = JSON.parse(read('connections.schema.json')).properties.connections
    .additionalProperties;
  expect(properties.vendor.enum).toEqual(Object.keys(VENDORS));
  for (const member of Object.values<{ description?: string }>(properties)) {
    expect(member.description).toMatch(/^\P{Ll}|^keep_warm/u);
  }
});

test('the connections that are deployed when nobody says otherwise are right', () => {
  const connections = parseConnectionsText(read('connections.json'), OPTIONS);
  expect(
    [...connections.values()].map(({ name, grant, clientAuth, apiHosts }) => [
      name,
      grant,
      clientAuth,
      apiHosts,
    ]),
  ).toEqual([
    ['crash-symbols', 'client_credentials', 'client_secret_post', ['app.bugsplat.com', 'api.bugsplat.com']],
    ['logs-jobs', 'client_credentials', 'private_key_jwt', ['dashboard.bugfender.com']],
    ['logs-portal', 'authorization_code', 'client_secret_post', ['dashboard.bugfender.com']],
    ['research-team', 'client_credentials', 'client_secret_post', ['acme-api.bipsync.com']],
    ['research-user', 'authorization_code', 'client_secret_post', ['acme-api.bipsync.com']],
    [
      'research-kiosk',
      'urn:ietf:params:oauth:grant-type:device_code',
      'client_secret_post',
      ['acme-api.bipsync.com'],
    ],
    ['onboarding', 'client_credentials', 'client_secret_basic_raw', ['api.bits.bi']],
    ['anything-else', 'client_credentials', 'client_secret_basic', []],
  ]);
  for (const { baseUrl } of connections.values()) expect(baseUrl).toBeUndefined();
});

test.each<[string, object, string, RegExp]>([
  ['BugSplat with two scopes', { vendor: 'bugsplat', scope: 'symbols restricted' }, 'scope', /exactly one/],
  ['BugSplat with an unknown scope', { vendor: 'bugsplat', scope: 'symbol' }, 'scope', /mean "symbols"/],
  [
    'BugSplat with a grant for people',
    { vendor: 'bugsplat', scope: 'symbols', grant: 'authorization_code' },
    'grant',
    /"client_credentials"/,
  ],
  ['Bipsync without a tenant', { vendor: 'bipsync', scope: 'team_1' }, 'tenant', /TENANT/],
  [
    'Bipsync without a team',
    { vendor: 'bipsync', tenant: 'acme', scope: 'research:read' },
    'scope',
    /team_ID/,
  ],
  [
    'Bits with form-encoded Basic',
    { vendor: 'bits', client_auth: 'client_secret_basic' },
    'client_auth',
    /_raw/,
  ],
  ['custom without endpoints', { vendor: 'custom' }, 'issuer', /metadata names the endpoints/],
  [
    'custom endpoints at a known vendor',
    { vendor: 'bits', token_endpoint: 'https://x.example' },
    'token_endpoint',
    /nothing/,
  ],
])('%s is refused', (_title, members, member, allowed) => {
  const issues = issuesOf(one(members));
  expect(issues.map(({ path }) => path)).toEqual([`connections.it.${member}`]);
  expect(issues[0]!.allowed).toMatch(allowed);
});

test('what the vendor finds is told together with everything else', () => {
  const issues = issuesOf(one({ vendor: 'custom', secret: 'token-broker-internal/x', min_mint_interval: 5 }));
  expect(issues.map(({ path }) => path)).toEqual(['connections.it.secret', 'connections.it.issuer']);
});

import { describe, expect, test } from 'vitest';
import { DEVICE_CODE_GRANT } from '../../shared/connections/connection.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { issuesOf } from '../support/connections.ts';
import { connectionOf } from './support.ts';

const TEAM = { vendor: 'bipsync', tenant: 'acme', scope: 'team_42' };

function server(members: object): unknown {
  const { connection, vendor } = connectionOf(members);
  return vendor.server(connection);
}

function hosts(members: object): unknown {
  const { connection, vendor } = connectionOf(members);
  return { token: vendor.tokenHost(connection), api: vendor.apiHosts(connection) };
}

const mistakesOf = (members: object) => issuesOf(() => connectionOf(members));

test('every vendor goes by its own name, and nothing else is one', () => {
  for (const [name, vendor] of Object.entries(VENDORS)) expect(vendor.name).toBe(name);
  expect(VENDORS.constructor).toBeUndefined();
  expect(VENDORS.toString).toBeUndefined();
});

describe('endpoints', () => {
  test.each<[string, object, object]>([
    [
      'BugSplat',
      { vendor: 'bugsplat', scope: 'symbols' },
      { tokenEndpoint: 'https://app.bugsplat.com/oauth2/authorize' },
    ],
    [
      'Bugfender',
      { vendor: 'bugfender' },
      {
        authorizationEndpoint: 'https://dashboard.bugfender.com/auth/authorize',
        tokenEndpoint: 'https://dashboard.bugfender.com/auth/token',
      },
    ],
    ['Bipsync', TEAM, { issuer: 'https://acme-api.bipsync.com', endpointHosts: ['acme.bipsync.com'] }],
    [
      'Bits',
      { vendor: 'bits' },
      {
        tokenEndpoint: 'https://api.bits.bi/v1/oauth2/token',
        userinfoEndpoint: 'https://api.bits.bi/oauth2/userinfo',
      },
    ],
    [
      'a discovered server',
      { vendor: 'custom', issuer: 'https://as.example/t/' },
      { issuer: 'https://as.example/t/', explicit: {} },
    ],
    [
      'a discovered server that leaves something out',
      { vendor: 'custom', issuer: 'https://as.example', revocation_endpoint: 'https://as.example/revoke' },
      { issuer: 'https://as.example', explicit: { revocationEndpoint: 'https://as.example/revoke' } },
    ],
    [
      'a written-out server',
      { vendor: 'custom', issuer: 'https://as.example', token_endpoint: 'https://as.example/token?a=1' },
      { issuer: 'https://as.example', tokenEndpoint: 'https://as.example/token?a=1' },
    ],
  ])('of %s', (_, members, endpoints) => {
    expect(server(members)).toEqual(endpoints);
  });

  test.each<[string, object, object]>([
    [
      'BugSplat',
      { vendor: 'bugsplat', scope: 'symbols' },
      { tokenEndpoint: 'https://proxy.example:8443/oauth2/authorize' },
    ],
    [
      'Bipsync',
      { vendor: 'bipsync', scope: 'team_42' },
      { issuer: 'https://proxy.example:8443', endpointHosts: [] },
    ],
    ['Bipsync with a tenant', TEAM, { issuer: 'https://proxy.example:8443', endpointHosts: [] }],
    [
      'Bits',
      { vendor: 'bits' },
      {
        tokenEndpoint: 'https://proxy.example:8443/v1/oauth2/token',
        userinfoEndpoint: 'https://proxy.example:8443/oauth2/userinfo',
      },
    ],
    [
      'a discovered server',
      { vendor: 'custom', issuer: 'https://as.example/t/' },
      { issuer: 'https://proxy.example:8443/t/', explicit: {} },
    ],
    [
      'a written-out server',
      { vendor: 'custom', token_endpoint: 'https://as.example/token?a=1' },
      { tokenEndpoint: 'https://proxy.example:8443/token?a=1' },
    ],
  ])('base_url replaces scheme and host of %s, and no more', (_, members, endpoints) => {
    const moved = { ...members, base_url: 'https://proxy.example:8443' };
    expect(server(moved)).toEqual(endpoints);
    expect(hosts(moved)).toMatchObject({ token: 'proxy.example:8443' });
  });

  test('hosts that see the secret, and hosts to which tokens may go', () => {
    expect(hosts({ vendor: 'bugsplat', scope: 'symbols' })).toEqual({
      token: 'app.bugsplat.com',
      api: ['app.bugsplat.com', 'api.bugsplat.com'],
    });
    expect(hosts({ vendor: 'bugfender' })).toEqual({
      token: 'dashboard.bugfender.com',
      api: ['dashboard.bugfender.com'],
    });
    expect(hosts(TEAM)).toEqual({ token: 'acme-api.bipsync.com', api: ['acme-api.bipsync.com'] });
    expect(hosts({ vendor: 'bits' })).toEqual({ token: 'api.bits.bi', api: ['api.bits.bi'] });
    expect(hosts({ vendor: 'custom', issuer: 'https://as.example' })).toEqual({
      token: 'as.example',
      api: [],
    });
    expect(hosts({ vendor: 'bits', base_url: 'https://p.example' })).toEqual({
      token: 'p.example',
      api: ['p.example'],
    });
  });
});

describe('mistakes', () => {
  test.each<[string, object, string]>([
    ['BugSplat without a scope', { vendor: 'bugsplat' }, 'connections.it.scope'],
    [
      'BugSplat with both scopes',
      { vendor: 'bugsplat', scope: 'restricted symbols' },
      'connections.it.scope',
    ],
    ['BugSplat with another scope', { vendor: 'bugsplat', scope: 'all' }, 'connections.it.scope'],
    [
      'BugSplat by another grant',
      { vendor: 'bugsplat', scope: 'symbols', grant: 'authorization_code' },
      'connections.it.grant',
    ],
    [
      'a Bugfender integration with a key',
      { vendor: 'bugfender', grant: 'authorization_code', client_auth: 'private_key_jwt' },
      'connections.it.client_auth',
    ],
    [
      'Bipsync without a team',
      { vendor: 'bipsync', tenant: 'acme', scope: 'research:read' },
      'connections.it.scope',
    ],
    [
      'Bipsync with an unnamed team',
      { vendor: 'bipsync', tenant: 'acme', scope: 'team_' },
      'connections.it.scope',
    ],
    ['Bipsync without a tenant', { vendor: 'bipsync', scope: 'team_42' }, 'connections.it.tenant'],
    ['a tenant that is a host', { ...TEAM, tenant: 'acme.example' }, 'connections.it.tenant'],
    ['a tenant with a path', { ...TEAM, tenant: 'evil.example/' }, 'connections.it.tenant'],
    ['a tenant with a dash at its end', { ...TEAM, tenant: 'acme-' }, 'connections.it.tenant'],
    ['a tenant of 60 characters', { ...TEAM, tenant: 'a'.repeat(60) }, 'connections.it.tenant'],
    [
      'Bits with form-encoded Basic',
      { vendor: 'bits', client_auth: 'client_secret_basic' },
      'connections.it.client_auth',
    ],
    ['Bits with an unknown scope', { vendor: 'bits', scope: 'admin' }, 'connections.it.scope'],
    ['custom without a server', { vendor: 'custom' }, 'connections.it.issuer'],
    [
      'custom with an endpoint on a host that the issuer does not vouch for',
      { vendor: 'custom', issuer: 'https://as.example', revocation_endpoint: 'https://other.example/r' },
      'connections.it.revocation_endpoint',
    ],
    [
      'custom without a page to consent on',
      { vendor: 'custom', grant: 'authorization_code', token_endpoint: 'https://as.example/t' },
      'connections.it.authorization_endpoint',
    ],
    [
      'custom without a place for device codes',
      { vendor: 'custom', grant: DEVICE_CODE_GRANT, token_endpoint: 'https://as.example/t' },
      'connections.it.device_authorization_endpoint',
    ],
  ])('%s is found', (_, members, path) => {
    expect(mistakesOf(members).map((issue) => issue.path)).toEqual([path]);
  });

  test.each<[string, object]>([
    [
      'a person’s Bipsync connection without a scope',
      { vendor: 'bipsync', tenant: 'a', grant: 'authorization_code' },
    ],
    [
      'a public Bipsync kiosk',
      { vendor: 'bipsync', tenant: 'acme-1', grant: DEVICE_CODE_GRANT, client_auth: 'none' },
    ],
    ['a Bugfender integration for all', { vendor: 'bugfender', grant: 'authorization_code', scope: 'all' }],
    [
      'Bits with every scope',
      {
        vendor: 'bits',
        scopes: ['application', 'application.read', 'application.session'],
        scope: 'application',
      },
    ],
    [
      'custom with all endpoints',
      {
        vendor: 'custom',
        grant: 'authorization_code',
        token_endpoint: 'https://a.example/t',
        authorization_endpoint: 'https://b.example/a',
      },
    ],
  ])('%s is none', (_, members) => {
    expect(() => connectionOf(members)).not.toThrow();
  });
});

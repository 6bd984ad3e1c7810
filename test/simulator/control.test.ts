import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { FAULTS } from '../../functions/simulator/faults.ts';
import { startSimulatedVendors } from '../../functions/simulator/server.ts';
import { credentials, getWith, postForm, postMultipart, reply, simulation } from './support.ts';

const context = simulation();
const control = async (method: string, path: string, body?: unknown) =>
  reply(
    await fetch(`${context.vendors.bipsync.origin}/_simulator${path}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  );
const mint = () =>
  postForm(`${context.vendors.bipsync.origin}/v1/oauth/token`, {
    grant_type: 'client_credentials',
    ...credentials('bipsync-team'),
    scope: 'team_42',
  });

describe('over HTTP', () => {
  test('the simulation explains every fault, setting and endpoint', async () => {
    const { status, body } = await control('GET', '');
    expect(status).toBe(200);
    expect(body.endpoints).toMatchObject({ token: ['POST /v1/oauth/token'], api: ['GET /v1/me'] });
    const faults = body.faults_help as Record<string, { does: string; options: object }>;
    for (const name of Object.keys(FAULTS)) {
      expect(faults[name]?.does).toMatch(/^(Answers|Processes|Closes)/);
      for (const help of Object.values(faults[name]?.options ?? {})) expect(help).not.toBe('');
    }
    expect(Object.keys(body.settings_help as object)).toEqual(Object.keys(body.settings as object));
    expect(Object.values(body.settings_help as object)).not.toContain('');
  });

  test('faults are planned, shown and cleared', async () => {
    expect(
      (await control('PUT', '/faults', { fault: 'server_error', endpoint: 'token', times: 0 })).status,
    ).toBe(200);
    expect((await mint()).status).toBe(503);
    expect(await control('GET', '/faults').then(({ text }) => JSON.parse(text))).toEqual([
      { fault: 'server_error', endpoint: 'token', times: 0, status: 503, processed: false },
    ]);
    expect((await control('DELETE', '/faults')).status).toBe(204);
    expect((await mint()).status).toBe(200);
  });

  test('requests are counted by endpoint and grant type, and set back', async () => {
    await mint();
    await control('PUT', '/faults', { fault: 'dropped' });
    await mint().catch(() => undefined);
    await fetch(`${context.vendors.bipsync.origin}/nowhere`);
    const { body } = await control('GET', '/requests');
    expect(body.requests).toEqual({
      token: { client_credentials: { received: 2, answered: 1, failed: 1 } },
      unknown: { none: { received: 1, answered: 0, failed: 1 } },
    });
    expect(body.mints).toBe(1);
    await control('DELETE', '/requests');
    expect((await control('GET', '/requests')).body).toMatchObject({ mints: 0, requests: {} });
  });

  test('requests in flight together are counted as such', async () => {
    await control('PUT', '/settings', { latency_ms: 60_000 });
    const leaving = new AbortController();
    const url = `${context.vendors.bipsync.origin}/v1/me`;
    const requests = Array.from({ length: 20 }, () => fetch(url, { signal: leaving.signal }));
    const { counters } = context.vendors.bipsync;
    await expect.poll(() => counters.snapshot().in_flight, { interval: 2 }).toBe(20);
    leaving.abort();
    await Promise.allSettled(requests);
    await expect.poll(() => counters.snapshot().in_flight, { interval: 2 }).toBe(0);
    expect((await control('GET', '/requests')).body.max_in_flight).toBe(20);
  });

  test('settings change what tokens live for', async () => {
    await control('PUT', '/settings', { expires_in: 20 });
    const { body } = await mint();
    expect(body.expires_in).toBe(20);
    context.clock.advance(20);
    expect((await getWith(`${context.vendors.bipsync.origin}/v1/me`, body.access_token)).status).toBe(401);
  });

  test('tokens are revoked one by one, and all at once', async () => {
    const [first, second] = [(await mint()).body.access_token, (await mint()).body.access_token];
    const isLive = (token: unknown) => context.vendors.bipsync.isLive(String(token));
    expect((await control('POST', '/revoke', { token: first })).status).toBe(204);
    expect([isLive(first), isLive(second)]).toEqual([false, true]);
    await control('POST', '/revoke', { all: true });
    expect(isLive(second)).toBe(false);
  });

  test('clients are registered and grants issued without anybody consenting', async () => {
    const client = { client_id: 'mine', client_secret: 'my-secret' };
    const registration = {
      ...client,
      grants: ['authorization_code', 'refresh_token'],
      scopes: ['research:read'],
    };
    expect((await control('PUT', '/clients', registration)).status).toBe(204);
    const { body } = await control('POST', '/grants', { client_id: 'mine', scope: 'research:read' });
    const refreshed = await postForm(`${context.vendors.bipsync.origin}/v1/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: String(body.refresh_token),
      ...client,
    });
    expect(refreshed.status).toBe(200);
  });

  test('the demo secrets are shown as Secrets Manager should hold them', async () => {
    const { body } = await control('GET', '/clients');
    expect(body['bipsync-team']).toEqual(credentials('bipsync-team'));
    expect(body['bipsync-kiosk']).toEqual({ client_id: 'demo-bipsync-kiosk' });
  });

  test.each<[string, string, unknown, RegExp]>([
    ['PUT', '/faults', { fault: 'sloww' }, /^fault: .*"slow" \| "processed_late".*received "sloww"/],
    ['PUT', '/faults', {}, /^fault: /],
    ['PUT', '/faults', 'slow', /JSON/],
    ['PUT', '/faults', [{ fault: 'slow' }, 7], /Object/],
    ['PUT', '/faults', { fault: 'slow', delay: 3 }, /^delay: .*allowed: fault, endpoint, .*delay_ms/],
    ['PUT', '/faults', { fault: 'slow', delay_ms: -1 }, /^delay_ms: .*>=0/],
    ['PUT', '/faults', { fault: 'slow', endpoint: 'tokens' }, /^endpoint: .*"token" \| "authorize"/],
    ['PUT', '/faults', { fault: 'slow', times: 1.5 }, /^times: /],
    ['PUT', '/faults', { fault: 'odd_member' }, /^member: /],
    ['PUT', '/settings', { rotate: 'yes', expires_in: 0 }, /expires_in: .*>=1.*rotate: .*boolean/],
    ['PUT', '/settings', { allow_list: ['10.0.0.0/33'] }, /^allow_list\.0: Expected an IP address or a CIDR/],
    ['PUT', '/settings', [], /an object/],
    ['PUT', '/settings', { latency: 3 }, /allowed: .*latency_ms/],
    ['POST', '/revoke', {}, /"token": ACCESS OR REFRESH TOKEN/],
    ['POST', '/revoke', { token: 'made-up' }, /unknown/],
    ['POST', '/grants', { client_id: 'demo-bipsync-team' }, /refresh_token/],
    ['PUT', '/clients', { client_id: '' }, /client_id: .*grants: .*scopes: /],
  ])('%s %s %j is refused, naming what is allowed', async (method, path, body, description) => {
    const { status, body: answer } = await control(method, path, body);
    expect(status).toBe(400);
    expect(answer.error_description).toMatch(description);
    expect(context.vendors.bipsync.faults()).toEqual([]);
  });

  test('an unknown operation is told the known ones', async () => {
    const { status, body } = await control('POST', '/fault', {});
    expect(status).toBe(404);
    expect(body.error_description).toContain('PUT /_simulator/faults');
  });

  test('other host names, and web pages that would steer the simulation, are refused', async () => {
    const { origin } = context.vendors.bipsync;
    const page = await fetch(`${origin}/_simulator`, { headers: { origin: 'https://evil.example' } });
    expect(page.status).toBe(403);
    expect(await statusFor(`${origin}/_simulator`, 'evil.example')).toBe(421);
    expect(await statusFor(`${origin}/v1/me`, 'evil.example')).toBe(421);
    expect(await statusFor(`${origin}/_simulator`, `localhost:${new URL(origin).port}`)).toBe(200);
  });
});

async function statusFor(url: string, host: string): Promise<number | undefined> {
  const sent = httpRequest(url, { headers: { host } }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

test('a body of more than 1 MiB is refused', async () => {
  const { status } = await postForm(`${context.vendors.bits.origin}/v1/oauth2/token`, {
    grant_type: 'x'.repeat(1_048_577),
  });
  expect(status).toBe(413);
});

test.each(['//', '/%', '/v1/me?%', '/_simulator%2f', '/_simulator/../v1/me', '/\u007f'])(
  'the odd request target %j gets an answer below 500',
  async (path) => {
    const { hostname, port } = new URL(context.vendors.bipsync.origin);
    const sent = httpRequest({ hostname, port, path }).end();
    const [response] = await once(sent, 'response');
    response.resume();
    expect(response.statusCode).toBeLessThan(500);
  },
);

test('an unreadable multipart body is refused', async () => {
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const url = `${context.vendors.bugsplat.origin}/oauth2/authorize`;
  const { status, body } = await reply(
    await fetch(url, { method: 'POST', body: 'nothing of the kind', headers }),
  );
  expect(status).toBe(400);
  expect(body.error_description).toBe('The body is not a readable multipart/form-data.');
});

test('every issued token can be listed, to be searched for in logs', async () => {
  const { body } = await mint();
  expect(context.vendors.bipsync.issuedTokens()).toContain(body.access_token);
});

describe('starting', () => {
  test('on a taken port fails and says so', async () => {
    const port = Number(new URL(context.vendors.bipsync.origin).port);
    await expect(startSimulatedVendors({ portBase: port - 3 })).rejects.toThrow('EADDRINUSE');
  });

  test('alone, in a process of its own, prints where the vendors are', async () => {
    const child = spawn(process.execPath, ['functions/simulator/main.ts'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(child.stdout, 'data');
    const { origins } = JSON.parse(String(line));
    const { status } = await postMultipart(`${origins.bugsplat}/oauth2/authorize`, {
      grant_type: 'client_credentials',
      ...credentials('bugsplat-symbols'),
    });
    expect(status).toBe(200);
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });

  test('with a port that is none explains itself', async () => {
    const child = spawn(process.execPath, ['functions/simulator/main.ts', '--port-base', '80'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [[text], [code]] = await Promise.all([once(child.stderr, 'data'), once(child, 'exit')]);
    expect(String(text)).toContain('--port-base 80 is not allowed.');
    expect(code).toBe(2);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPage } from '../../functions/console/build-page.ts';
import type { ActivityAnswer, VendorsAnswer } from '../../functions/console/messages.ts';
import { KEY_HEADER } from '../../functions/console/messages.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { signedFetch } from '../support/signed-fetch.ts';
import { addressIn, askerOf } from './support.ts';

const API = '/console/api';

let broker: LocalBrokerProcess;
let ask: ReturnType<typeof askerOf>;
beforeAll(async () => {
  broker = await startLocalBrokerProcess();
  ask = askerOf(addressIn(broker.output()));
});
afterAll(() => broker.dispose());

/** A token as any caller asks for it. */
async function askSigned(connection: string): Promise<string | undefined> {
  const headers = { 'content-type': 'application/json' };
  const url = `${broker.url}/connections/${connection}/token`;
  const response = await signedFetch(url, { method: 'POST', headers, body: '{}' });
  return ((await response.json()) as { access_token?: string }).access_token;
}

describe('the page', () => {
  test('is served at the address that the broker prints, to whoever comes, without a word of the key', async () => {
    const key = new URL(addressIn(broker.output())).hash.slice(1);
    expect(key.length).toBeGreaterThanOrEqual(32);
    const pages = ['/', '/console/page.js', '/console/page.css', '/console/icon.svg'];
    for (const path of pages) {
      const { status, text } = await ask(path, { headers: { [KEY_HEADER]: undefined, origin: undefined } });
      expect([path, status]).toEqual([path, 200]);
      expect(text).not.toContain(key);
    }
  });

  test('may run its own files only: nothing inline, nothing from elsewhere, in no frame', async () => {
    const { headers, text } = await ask('/');
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; /,
    );
    expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:|\*/);
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(text).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=|https?:/);
  });

  test('is at most 120 KB, compressed', async () => {
    const { script, style } = await buildPage();
    const size = gzipSync(script).length + gzipSync(style).length;
    console.log(`page: ${size} bytes`);
    expect(size).toBeLessThan(120_000);
  });
});

describe('whoever is not its page', () => {
  test.each([
    ['without the key', { [KEY_HEADER]: undefined }, /key is missing/],
    ['with another key', { [KEY_HEADER]: 'x'.repeat(32) }, /not that of this console/],
    ['from another site', { origin: 'https://evil.example' }, /Origin/],
    ['from another port of this machine', { origin: 'http://127.0.0.1:1' }, /Origin/],
    ['from a page that hides where it is', { origin: 'null' }, /Origin/],
    ['from another site, as the browser says', { 'sec-fetch-site': 'same-site' }, /Sec-Fetch-Site/],
  ])('is refused %s, and told why', async (_, headers, why) => {
    for (const path of [`${API}/about`, `${API}/broker/connections`, `${API}/activity`, `${API}/nothing`]) {
      const answer = await ask(path, { headers });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.json().message).toMatch(why);
    }
  });

  test('changes nothing without saying where it comes from', async () => {
    const body = { min_ttl: 0 };
    const path = `${API}/broker/connections/crash-symbols/token`;
    const answer = await ask(path, { method: 'POST', body, headers: { origin: undefined } });
    expect(answer.status).toBe(403);
    expect(answer.json().message).toMatch(/must say its Origin/);
  });

  test('reaches no file and no answer under another name of this machine', async () => {
    for (const path of ['/', `${API}/about`]) {
      const answer = await ask(path, { headers: { host: 'rebound.example' } });
      expect([answer.status, answer.json().message]).toEqual([421, 'Misdirected Request']);
    }
  });

  test('finds the broker’s own routes as they are: signed', async () => {
    const answer = await ask('/connections', { headers: { origin: undefined } });
    expect(answer.status).toBe(403);
  });
});

describe('of the broker it passes on', () => {
  test('the list of connections, and one', async () => {
    const { connections } = (await ask(`${API}/broker/connections`)).json() as { connections: object[] };
    expect(connections).toContainEqual(expect.objectContaining({ connection: 'crash-symbols' }));
    expect((await ask(`${API}/broker/connections/logs-portal?subject=ada`)).json()).toMatchObject({
      subject: 'ada',
      grant_status: 'none',
    });
  });

  test.each([
    ['GET', '/connections/crash-symbols/userinfo'],
    ['GET', '/health'],
    ['GET', '/callback/logs-portal'],
    ['GET', '/openapi.json'],
    ['GET', '/consent/x'],
    ['PUT', '/connections/crash-symbols'],
    ['POST', '/connections'],
    ['GET', '/connections/../health'],
    ['GET', '//evil.example/connections'],
  ])('not %s %s', async (method, path) => {
    const answer = await ask(`${API}/broker${path}`, { method, body: method === 'GET' ? undefined : {} });
    expect([answer.status, answer.json()]).toEqual([404, { message: 'The console does not do this.' }]);
  });

  test('errors in words, with what mends them', async () => {
    const path = `${API}/broker/connections/logs-portal/token`;
    const answer = await ask(path, { method: 'POST', body: { subject: 'nobody' } });
    expect(answer.status).toBe(502);
    expect(answer.json().message).toMatch(/nobody has consented yet.*token-broker connect logs-portal/);
    const unknown = await ask(`${API}/broker/connections/none`);
    expect(unknown.json().message).toBe('There is no connection "none".');
  });

  test('a body only that is a JSON object', async () => {
    for (const body of [[], 'x', 1]) {
      const answer = await ask(`${API}/broker/connections/crash-symbols/token`, { method: 'POST', body });
      expect(answer.status).toBe(404);
    }
  });

  test('what a token says, but itself only when it is asked for', async () => {
    const path = `${API}/broker/connections/logs-service/token`;
    const access_token = await askSigned('logs-service');
    const hidden = await ask(path, { method: 'POST', body: {} });
    expect(hidden.json()).toMatchObject({
      token_type: 'Bearer',
      fingerprint: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(hidden.text).not.toContain(access_token);
    const shown = await ask(`${path}?show=token`, { method: 'POST', body: {} });
    expect(shown.json()).toMatchObject({ access_token, fingerprint: hidden.json().fingerprint });
  });
});

describe('of the broker in its own process it shows', () => {
  test('what happened, and of the last hour how often, by the minute; but no token', async () => {
    const access_token = await askSigned('crash-symbols');
    await askSigned('logs-desk');
    const answer = await ask(`${API}/activity?after=0`);
    const { entries, history } = answer.json() as unknown as ActivityAnswer;
    expect(entries).toContainEqual(
      expect.objectContaining({
        event: expect.objectContaining({ type: 'audit', connection: 'crash-symbols', outcome: 'success' }),
      }),
    );
    const sum = (name: string, kind: 'served' | 'minted' | 'failed') =>
      history[name]!.reduce((total, minute) => total + minute[kind], 0);
    expect(history['crash-symbols']).toHaveLength(60);
    expect(sum('crash-symbols', 'minted')).toBeGreaterThan(0);
    expect(sum('logs-desk', 'failed')).toBe(1);
    expect(answer.text).not.toContain(access_token);
    const { number } = entries.at(-1)!;
    const later = (await ask(`${API}/activity?after=${number}`)).json() as unknown as ActivityAnswer;
    expect(later.entries).toEqual([]);
  });

  test('that its vendors are simulated, and lets them fail and recover', async () => {
    expect((await ask(`${API}/about`)).json()).toMatchObject({
      simulated: true,
      watched: 'process',
      isLocal: true,
    });
    const faults = `${API}/vendors/bits/faults`;
    const fault = { fault: 'server_error', endpoint: 'token', times: 0 };
    const set = (await ask(faults, { method: 'PUT', body: [fault] })).json() as unknown as VendorsAnswer;
    expect(set.vendors.find(({ vendor }) => vendor === 'bits')?.faults).toEqual([
      expect.objectContaining(fault),
    ]);
    const path = `${API}/broker/connections/onboarding/token`;
    const failed = await ask(path, { method: 'POST', body: { min_ttl: 86_400 } });
    expect(failed.json().message).toContain('answered 503');
    await ask(faults, { method: 'PUT', body: [] });
    const { vendors } = (await ask(`${API}/vendors`)).json() as unknown as VendorsAnswer;
    expect(vendors.map(({ faults }) => faults)).toEqual([[], [], [], []]);
  });

  test('why a fault is none, and no vendor that is not there', async () => {
    const answer = await ask(`${API}/vendors/bits/faults`, { method: 'PUT', body: [{ fault: 'rain' }] });
    expect([answer.status, answer.json().message]).toEqual([400, expect.stringContaining('fault')]);
    for (const name of ['nobody', '__proto__', 'constructor'])
      expect((await ask(`${API}/vendors/${name}/faults`, { method: 'PUT', body: [] })).status).toBe(404);
  });

  test('doctor’s findings', async () => {
    const { findings } = (await ask(`${API}/doctor`)).json() as { findings: object[] };
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'token of crash-symbols', status: 'ok' }),
    );
    expect(findings).toContainEqual(expect.objectContaining({ status: 'problem', fix: expect.any(String) }));
  });
});

describe('who may use a connection', () => {
  let guarded: LocalBrokerProcess;
  let askGuarded: typeof ask;
  let folder: string;
  const role = 'arn:aws:iam::111122223333:role/ci-*';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-broker-console-'));
    const common = { vendor: 'bugsplat', scopes: ['symbols', 'restricted'], scope: 'symbols' };
    const callers = [{ principal: role, scopes: ['symbols'] }];
    const connections = { open: common, guarded: { ...common, callers } };
    const file = join(folder, 'connections.json');
    await writeFile(file, JSON.stringify({ connections }));
    guarded = await startLocalBrokerProcess({ args: ['--connections', file] });
    askGuarded = askerOf(addressIn(guarded.output()));
  });
  afterAll(async () => {
    await guarded.dispose();
    await rm(folder, { recursive: true });
  });

  const may = async (connection: string, asked: object) => {
    const answer = await askGuarded(`${API}/access/${connection}`, { method: 'POST', body: asked });
    return answer.json();
  };

  test('is shown as the connections file has it', async () => {
    expect((await askGuarded(`${API}/access/guarded`)).json()).toEqual({
      callers: [
        expect.objectContaining({ principal: role, scopes: ['symbols'], actions: ['token', 'read'] }),
      ],
      direct_invoke: false,
    });
    expect((await askGuarded(`${API}/access/open`)).json()).toEqual({ direct_invoke: true });
    expect((await askGuarded(`${API}/access/none`)).status).toBe(404);
  });

  test.each([
    ['a role that a rule covers, the default scope', 'role/ci-main', { action: 'token' }, true],
    ['the same, another scope', 'role/ci-main', { action: 'token', scope: 'restricted' }, false],
    ['the same, another action', 'role/ci-main', { action: 'revoke' }, false],
    ['a role below a path', 'role/team/ci-main', { action: 'read' }, true],
    ['a role that none covers', 'role/web', { action: 'token' }, false],
    ['a user', 'user/ci-main', { action: 'token' }, false],
  ])('is judged: %s', async (_, name, asked, allowed) => {
    const principal = `arn:aws:iam::111122223333:${name}`;
    expect(await may('guarded', { principal, ...asked })).toEqual({
      allowed,
      why: expect.stringContaining('"callers"'),
    });
  });

  test('is everybody whom IAM lets, where the connection names nobody', async () => {
    const asked = { principal: 'arn:aws:iam::444455556666:user/ada', action: 'token' };
    expect(await may('open', asked)).toEqual({ allowed: true, why: expect.stringContaining('IAM alone') });
  });

  test('is not judged for what is no principal, or no action', async () => {
    expect((await may('open', { principal: 'ada', action: 'token' })).message).toMatch(/names no principal/);
    expect((await may('open', { principal: role, action: 'token' })).message).toMatch(/without \* here/);
    expect((await may('open', { action: 'token' })).message).toMatch(/are text/);
    expect((await may('open', { principal: role, action: 'rule' })).message).toMatch(/one of token, read/);
  });

  test('vendors that are not simulated have no switches', async () => {
    expect((await askGuarded(`${API}/about`)).json()).toMatchObject({ simulated: false });
    expect((await askGuarded(`${API}/vendors`)).json()).toEqual({ vendors: [] });
  });
});

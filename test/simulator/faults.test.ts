import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { FaultOrder } from '../../functions/simulator/fault-plan.ts';
import { FAULTS, type FaultName } from '../../functions/simulator/faults.ts';
import { credentials, postForm, type Reply, simulation } from './support.ts';

const context = simulation();
const client = credentials('bipsync-user');
const vendor = () => context.vendors.bipsync;
const counts = () => vendor().counters.snapshot();
const issue = () =>
  vendor().issueGrant({ clientId: client.client_id, owner: 'user:ada', scopes: ['research:read'] });
const refresh = (refresh_token: string): Promise<Reply> =>
  postForm(`${vendor().origin}/v1/oauth/token`, { grant_type: 'refresh_token', refresh_token, ...client });

/** What a refresh gets under that fault. */
function spoilt(order: FaultOrder): Promise<Reply> {
  vendor().setFault(order);
  return refresh(issue().refresh_token);
}

/** Whether the vendor took the refresh token, whatever the client saw. */
const processed = () => counts().refreshes === 1;

describe('faults that replace the answer', () => {
  test('too_many_requests is an empty 429, with Retry-After only when told so', async () => {
    const bare = await spoilt({ fault: 'too_many_requests' });
    expect([bare.status, bare.text, bare.headers.get('retry-after')]).toEqual([429, '', null]);
    const seconds = await spoilt({ fault: 'too_many_requests', retry_after: 7 });
    expect(seconds.headers.get('retry-after')).toBe('7');
    const date = await spoilt({ fault: 'too_many_requests', retry_after: 'Wed, 21 Oct 2026 07:28:00 GMT' });
    expect(date.headers.get('retry-after')).toBe('Wed, 21 Oct 2026 07:28:00 GMT');
    expect(counts().refreshes).toBe(0);
  });

  test('server_error is HTML', async () => {
    const { status, headers, text } = await spoilt({ fault: 'server_error', status: 502, retry_after: 3 });
    expect(status).toBe(502);
    expect(headers.get('content-type')).toContain('text/html');
    expect(headers.get('retry-after')).toBe('3');
    expect(text).toContain('<h1>');
    expect(processed()).toBe(false);
  });

  test('error_in_200 carries an error, and the real members too when it is processed', async () => {
    const bare = await spoilt({ fault: 'error_in_200' });
    expect(bare.status).toBe(200);
    expect(bare.body).toEqual({ error: 'invalid_client', error_description: 'A simulated failure.' });
    expect(processed()).toBe(false);
    const both = await spoilt({ fault: 'error_in_200', error: 'server_error', processed: true });
    expect(both.body).toMatchObject({ error: 'server_error', refresh_token: expect.any(String) });
    expect(processed()).toBe(true);
  });

  test.each<[FaultOrder, number, string, boolean]>([
    [{ fault: 'message_only', message: 'No.' }, 400, '{"message":"No."}', false],
    [{ fault: 'empty_object' }, 200, '{}', true],
    [{ fault: 'empty_object', status: 400, processed: false }, 400, '{}', false],
    [{ fault: 'empty_body' }, 200, '', true],
  ])('%j answers %i %j', async (order, status, text, isProcessed) => {
    const answer = await spoilt(order);
    expect([answer.status, answer.text]).toEqual([status, text]);
    expect(processed()).toBe(isProcessed);
  });

  test('oauth_error is the error that was named', async () => {
    const standard = await spoilt({ fault: 'oauth_error' });
    expect([standard.status, standard.body.error]).toEqual([400, 'invalid_grant']);
    const { status, body } = await spoilt({ fault: 'oauth_error', error: 'invalid_client', status: 401 });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
    expect(processed()).toBe(false);
  });

  test('unauthorized has a challenge and an error in the body', async () => {
    const { status, headers, body } = await spoilt({ fault: 'unauthorized' });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Basic realm="simulation"');
    expect(body).toEqual({ error: 'invalid_client' });
  });

  test('redirect counts whoever follows it, with the body or without', async () => {
    const { status, headers } = await spoilt({ fault: 'redirect' });
    expect(status).toBe(302);
    expect(headers.get('location')).toBe(`${vendor().origin}/_simulator/followed`);
    expect(counts().redirects_followed).toBe(0);
    for (const code of [302, 307]) {
      vendor().setFault({ fault: 'redirect', status: code });
      await fetch(`${vendor().origin}/v1/oauth/token`, { method: 'POST', body: new URLSearchParams(client) });
    }
    expect(counts().redirects_followed).toBe(2);
  });

  test('redirect leads where it is told', async () => {
    const location = 'https://elsewhere.example/token';
    expect((await spoilt({ fault: 'redirect', location })).headers.get('location')).toBe(location);
  });
});

describe('faults that spoil the real answer', () => {
  test('created answers 201 with everything in it', async () => {
    const { status, body } = await spoilt({ fault: 'created' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });
  });

  test('truncated_json is whole for HTTP and broken for JSON', async () => {
    vendor().setFault({ fault: 'truncated_json' });
    const response = await fetch(`${vendor().origin}/v1/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        ...client,
        refresh_token: issue().refresh_token,
      }),
    });
    expect(response.status).toBe(200);
    await expect(response.json()).rejects.toThrow(SyntaxError);
    expect(processed()).toBe(true);
  });

  test('huge is as large as it is told, more than 1 MiB by default', async () => {
    expect((await spoilt({ fault: 'huge' })).text.length).toBeGreaterThan(1_048_576);
    const small = (await spoilt({ fault: 'huge', bytes: 10 })).body;
    expect(small).toMatchObject({ padding: 'xxxxxxxxxx', access_token: expect.any(String) });
  });

  test.each([
    ['expires_in', undefined],
    ['expires_in', '3600'],
    ['expires_in', 0],
    ['expires_in', -5],
    ['expires_in', 1e15],
    ['token_type', undefined],
    ['token_type', 'mac'],
    ['scope', 'research'],
    ['access_token', undefined],
  ])('odd_member makes %s %j', async (member, value) => {
    const { status, body } = await spoilt({
      fault: 'odd_member',
      member,
      ...(value === undefined ? {} : { value }),
    });
    expect(status).toBe(200);
    expect(body[member]).toBe(value);
    expect(Object.hasOwn(body, member)).toBe(value !== undefined);
    expect(body.refresh_token).toMatch(/^def50200/);
  });

  test.each([[undefined], [''], [null]])('refresh_token %j means that the old one goes on', async (value) => {
    const { refresh_token } = issue();
    vendor().setFault({
      fault: 'odd_member',
      member: 'refresh_token',
      ...(value === undefined ? {} : { value }),
    });
    const { body } = await refresh(refresh_token);
    expect(body.refresh_token).toBe(value);
    expect((await refresh(refresh_token)).status).toBe(200);
  });
});

describe('faults of the connection', () => {
  test('dropped spends nothing', async () => {
    const { refresh_token } = issue();
    vendor().setFault({ fault: 'dropped' });
    await expect(refresh(refresh_token)).rejects.toThrow();
    expect(processed()).toBe(false);
    expect((await refresh(refresh_token)).status).toBe(200);
  });

  test('answer_lost spends the refresh token', async () => {
    const { refresh_token } = issue();
    vendor().setFault({ fault: 'answer_lost' });
    await expect(refresh(refresh_token)).rejects.toThrow();
    expect(processed()).toBe(true);
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
  });

  test('broken_off gives headers and half a body', async () => {
    vendor().setFault({ fault: 'broken_off' });
    const response = await fetch(`${vendor().origin}/v1/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        ...client,
        refresh_token: issue().refresh_token,
      }),
    });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect(processed()).toBe(true);
  });

  test('endless goes on until the client leaves', async () => {
    vendor().setFault({ fault: 'endless', pause_ms: 1 });
    const sent = httpRequest(`${vendor().origin}/v1/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    sent.end(
      String(
        new URLSearchParams({ grant_type: 'refresh_token', ...client, refresh_token: issue().refresh_token }),
      ),
    );
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let size = 0;
    for await (const chunk of response) {
      size += (chunk as Buffer).length;
      if (size > 2_000_000) break;
    }
    expect(size).toBeGreaterThan(2_000_000);
    expect(counts().requests.token?.refresh_token).toEqual({ received: 1, answered: 0, failed: 1 });
  });

  test('slow processes before the delay, so that a client that gives up has spent its refresh token', async () => {
    const { refresh_token } = issue();
    vendor().setFault({ fault: 'slow', delay_ms: 60_000 });
    await given((signal) => refreshUntil(refresh_token, signal), processed);
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
  });

  test('processed_late processes after the delay, though the client has left', async () => {
    const { refresh_token } = issue();
    vendor().setFault({ fault: 'processed_late', delay_ms: 50 });
    await given(
      (signal) => refreshUntil(refresh_token, signal),
      () => counts().in_flight === 1,
    );
    expect(processed()).toBe(false);
    await expect.poll(processed).toBe(true);
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
  });

  test('slow answers in the end', async () => {
    expect((await spoilt({ fault: 'slow', delay_ms: 5 })).status).toBe(200);
  });
});

function refreshUntil(refresh_token: string, signal: AbortSignal): Promise<Response> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, ...client });
  return fetch(`${vendor().origin}/v1/oauth/token`, { method: 'POST', body, signal });
}

/** Starts a request and gives it up as soon as the condition holds. */
async function given(
  start: (signal: AbortSignal) => Promise<Response>,
  condition: () => boolean,
): Promise<void> {
  const leaving = new AbortController();
  const request = expect(start(leaving.signal)).rejects.toThrow();
  await expect.poll(condition, { interval: 2 }).toBe(true);
  leaving.abort();
  await request;
}

describe('the plan', () => {
  test('spoils one request unless told otherwise, then all is well', async () => {
    expect((await spoilt({ fault: 'server_error' })).status).toBe(503);
    expect(vendor().faults()).toEqual([]);
    expect((await refresh(issue().refresh_token)).status).toBe(200);
  });

  test('spoils as many as it is told, and shows what is left', async () => {
    await spoilt({ fault: 'server_error', times: 2 });
    expect(vendor().faults()).toMatchObject([{ fault: 'server_error', times: 1 }]);
    expect((await refresh(issue().refresh_token)).status).toBe(503);
    expect((await refresh(issue().refresh_token)).status).toBe(200);
  });

  test('spoils for ever with times 0, until it is cleared', async () => {
    vendor().setFault({ fault: 'server_error', times: 0 });
    for (let count = 0; count < 5; count += 1)
      expect((await refresh(issue().refresh_token)).status).toBe(503);
    vendor().setFault();
    expect((await refresh(issue().refresh_token)).status).toBe(200);
  });

  test('goes through several faults in order', async () => {
    vendor().setFault({ fault: 'too_many_requests' }, { fault: 'server_error' });
    const { refresh_token } = issue();
    const statuses = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await refresh(refresh_token)).status);
    expect(statuses).toEqual([429, 503, 200]);
  });

  test('waits for the endpoint and grant type that it names', async () => {
    vendor().setFault({ fault: 'server_error', endpoint: 'token', grant_type: 'client_credentials' });
    expect((await fetch(`${vendor().origin}/.well-known/oauth-authorization-server`)).status).toBe(200);
    expect((await refresh(issue().refresh_token)).status).toBe(200);
    const mint = { grant_type: 'client_credentials', ...credentials('bipsync-team'), scope: 'team_42' };
    expect((await postForm(`${vendor().origin}/v1/oauth/token`, mint)).status).toBe(503);
  });

  test.each(Object.keys(FAULTS) as FaultName[])('%s can be committed at any endpoint', async (fault) => {
    const member = fault === 'odd_member' ? { member: 'issuer' } : {};
    vendor().setFault({
      fault,
      endpoint: 'metadata',
      ...member,
      ...(/slow|late/.test(fault) ? { delay_ms: 1 } : {}),
    });
    const response = await fetch(`${vendor().origin}/.well-known/oauth-authorization-server`, {
      redirect: 'manual',
    }).catch(() => undefined);
    await response?.body?.cancel();
    expect(vendor().faults()).toEqual([]);
    expect(vendor().counters.received('metadata')).toBe(1);
  });
});

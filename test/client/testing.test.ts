/** The fake broker for callers' tests, asked by the real client, and held against the document of the contract. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTokenClient, type TokenClient } from '../../shared/client/index.ts';
import { type FakeBroker, startFakeBroker } from '../../shared/client/testing/index.ts';
import { ERROR_CODES, type ErrorCode } from '../../shared/contract/errors.ts';
import { CALLER_ROUTES, fillPath, partsOf } from '../../shared/contract/routes.ts';
import { json, startHttpPeer } from '../support/http-peer.ts';
import { objectionsTo } from '../support/openapi.ts';
import { ROOT, snippets } from '../support/pages.ts';
import { signedFetch } from '../support/signed-fetch.ts';
import { caught } from './support.ts';

let broker: FakeBroker;
beforeAll(async () => {
  broker = await startFakeBroker({ crash: { owner: 'team' }, other: {} });
  vi.stubEnv('AWS_ENDPOINT_URL', broker.endpoint);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await broker.close();
});
beforeEach(() => broker.reset());

const options = () => ({ credentials: broker.credentials, region: 'us-east-1', timeout: 5_000 });
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

describe.each<[string, () => TokenClient]>([
  ['HTTPS', () => createTokenClient({ endpoint: broker.endpoint }, options())],
  ['direct invoke', () => createTokenClient({ functionName: 'token-broker-invoke' }, options())],
])('by %s', (_, client) => {
  test('tokens come, another for each subject and scope', async () => {
    const { accessToken, tokenType } = await client().token('crash');
    expect([accessToken, tokenType]).toEqual(['fake-crash-1', 'Bearer']);
    const token = await client().token('crash', { subject: 'ada', scope: 'a b' });
    expect(token).toMatchObject({ accessToken: 'fake-crash-ada-a+b-1', scope: 'a b', source: 'vendor' });
    expect(broker.requests[1]?.body).toEqual({ subject: 'ada', scope: 'a b' });
  });

  test.each(CODES)('%s reaches the caller as it would from the broker', async (code) => {
    broker.fail('crash', code, { description: 'why', retryAfter: 60, vendorError: 'odd' });
    const { retryable } = ERROR_CODES[code];
    expect(await caught(client().token('crash'))).toMatchObject({
      ...{ name: 'TokenBrokerError', code, retryable, message: 'why', retryAfter: 60, vendorError: 'odd' },
    });
    await expect(client().token('other')).resolves.toBeDefined();
  });

  test('what is told for so many times is over then', async () => {
    broker.answer('crash', { access_token: 'mine', warning: 'old' });
    broker.fail('crash', 'busy', { times: 1, retryAfter: 0 });
    expect(await client().token('crash')).toMatchObject({ accessToken: 'mine', warning: 'old' });
    expect(broker.requests.length).toBe(2);
  });

  test('what the broker would refuse is refused', async () => {
    expect(await caught(client().token('crash', { minTtl: -1 }))).toMatchObject({ code: 'invalid_request' });
    expect(await caught(client().token('crahs'))).toMatchObject({
      code: 'unknown_connection',
      message: 'The fake broker has no crahs; it has: crash, other.',
    });
    expect(() => broker.fail('crahs', 'busy')).toThrow(/no crahs/);
    expect(broker.requests).toEqual([]);
  });
});

test('a token that the API refused is followed by another', async () => {
  const api = await startHttpPeer();
  onTestFinished(() => api.close());
  api.replyWith(json(401, {}), json(200, {}));
  broker.answer('crash', { api_hosts: [api.host] }, { operation: 'describe' });
  const client = createTokenClient({ endpoint: broker.endpoint }, options());
  expect((await client.fetch('crash', api.origin)).status).toBe(200);
  const sent = api.received.map(({ headers }) => headers.authorization);
  expect(sent).toEqual(['Bearer fake-crash-1', 'Bearer fake-crash-2']);
});

test('every operation is answered as the document says, and can be told to fail', async () => {
  for (const key of CALLER_ROUTES) {
    const { method } = partsOf(key);
    const url = broker.endpoint + fillPath(key, () => 'crash');
    const send = async (unsigned = false) => {
      const response = unsigned ? await fetch(url, { method }) : await signedFetch(url, { method });
      const answer = { status: response.status, type: 'application/json', body: await response.json() };
      expect(objectionsTo(key, answer)).toEqual([]);
      return response.status;
    };
    expect([await send(), await send(true)]).toEqual([200, 403]);
  }
  broker.fail('crash', 'store_unavailable', { operation: 'describe', retryAfter: 9 });
  const failed = await signedFetch(`${broker.endpoint}/connections/crash`);
  expect([failed.status, failed.headers.get('retry-after')]).toEqual([503, '9']);
});

test('the example of the page does what it says', async () => {
  const snippet = snippets('shared/client/README.md', 'typescript').find((text) =>
    text.includes('/testing'),
  )!;
  await mkdir(join(ROOT, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, 'dist/testing-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'example.ts'), snippet);
  await promisify(execFile)(process.execPath, [join(folder, 'example.ts')]);
});

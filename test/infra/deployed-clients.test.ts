/** The clients that stand in for the SDK's in the bundles do as the SDK's own. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { LOCAL_KEY_ID } from '../../functions/local/identities.ts';
import { verifySignature } from '../../functions/local/sigv4.ts';
import { asDeployed } from '../support/as-deployed.ts';
import * as sdk from '../support/clients.ts';
import { startDyingConnections } from '../support/dying-connections.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { createStores, type StoreNames } from '../support/stores.ts';

type Clients = typeof sdk;

let deployed: Clients;
let endpoint: Awaited<ReturnType<typeof startStoreEndpoint>>;
let proxy: FaultProxy;
let names: StoreNames;

beforeAll(async () => {
  deployed = await asDeployed('test/support/clients.ts');
  endpoint = await startStoreEndpoint();
  names = await createStores({ dynamodb: endpoint.origin, secretsManager: endpoint.origin });
});
afterAll(async () => {
  await endpoint.close();
});

beforeEach(async () => {
  proxy = await startFaultProxy(endpoint.origin);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', LOCAL_KEY_ID);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_SESSION_TOKEN', 'session');
  vi.stubEnv('AWS_ENDPOINT_URL', proxy.origin);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await proxy.close();
});

/** What comes of one operation, and how often it was asked. */
async function told(work: () => Promise<unknown>) {
  const before = asked();
  const outcome = await work().catch((error: Error) => `${error.name}: ${error.message}`);
  return { outcome, asked: asked() - before };
}

const asked = () => [...proxy.seen.values()].reduce((sum, count) => sum + count, 0);

const ITEM = { text: 'ü" 𝄞', number: 1.5, list: [1, { deep: true }], nothing: undefined };

const write = ({ Table, tokensClient }: Clients) =>
  told(async () => {
    const table = new Table(tokensClient(), names.tokens);
    return { written: !!(await table.put({ pk: randomUUID() }, ITEM, undefined)) };
  });

const readSecret = ({ readSecret, secretsManagerClient }: Clients, name = names.keyring) =>
  told(() => readSecret(secretsManagerClient(), name));

/** The same, of both clients under the same faults: what one is told, after they are found alike. */
async function underFault(fault: Fault, times: number, operation: typeof write) {
  proxy.inject(fault, { times });
  const expected = await operation(sdk);
  proxy.heal();
  proxy.inject(fault, { times });
  expect(await operation(deployed)).toEqual(expected);
  return expected;
}

test.each<[Fault, number]>([
  ['reset', 1],
  ['reset', 9],
  ['throttle', 1],
  ['error_500', 9],
  ['applied_then_reset', 1],
  ['hang', 1],
])(
  'under the fault %s, %d times, a table is written as often and with the same outcome',
  async (fault, times) => {
    expect((await underFault(fault, times, write)).asked).toBe(2);
  },
);

test.each<[Fault, number]>([
  ['reset', 9],
  ['throttle', 1],
  ['error_500', 2],
])(
  'under the fault %s, %d times, a secret is read as often and with the same outcome',
  async (fault, times) => {
    await underFault(fault, times, (clients) => readSecret(clients));
  },
);

test('what cannot be done is said once, by the same name', async () => {
  const refused = async (clients: Clients) => {
    const { Table, grantsClient } = clients;
    const table = new Table(grantsClient(), names.tokens);
    const pk = randomUUID();
    const rev = await table.put({ pk }, ITEM, undefined);
    return [
      await told(() => new Table(grantsClient(), 'absent').get({ pk }, true)),
      await told(() => table.get({ wrong: pk }, true)),
      await told(() => table.put({ pk }, ITEM, { rev: 'another' })),
      await told(() => table.put({ pk }, ITEM, { rev: rev! }).then(Boolean)),
      await told(() => table.get({ pk }, true).then((item) => ({ ...item, pk: '', rev: '' }))),
      await readSecret(clients, 'absent'),
    ];
  };
  const outcomes = await refused(deployed);
  expect(outcomes).toEqual(await refused(sdk));
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    expect.stringContaining('ResourceNotFoundException'),
    expect.stringContaining('ValidationException'),
    undefined,
    true,
    { pk: '', rev: '', text: ITEM.text, number: 1.5, list: ITEM.list },
    { found: false, reason: 'missing', error: 'ResourceNotFoundException' },
  ]);
});

test.each<[string, Answered]>([
  ['a page of a proxy', { status: 503, body: '<html>Service Unavailable</html>' }],
  ['nothing', { status: 502, body: '' }],
  ['a name with its namespace', { status: 400, body: '{"__type":"com.amazonaws#ThrottlingException"}' }],
  ['a name in a header', { status: 400, type: 'LimitExceededException:http://internal/', body: '{}' }],
  ['half an answer', { status: 200, body: '{"Item":' }],
  ['no JSON', { status: 200, body: 'OK' }],
])(
  'answered with %s, a table is read as often and with the same outcome',
  async (_, { status, type, body }) => {
    let count = 0;
    const server = createServer((_, response) => {
      count += 1;
      response.writeHead(status, type === undefined ? {} : { 'x-amzn-errortype': type }).end(body);
    });
    vi.stubEnv('AWS_ENDPOINT_URL', await listening(server));
    const read = async ({ Table, tokensClient }: Clients) => {
      count = 0;
      const { outcome } = await told(() => new Table(tokensClient(), 'tokens').get({ pk: 'x' }, false));
      return { outcome, count };
    };
    expect(await read(deployed)).toEqual(await read(sdk));
    await closed(server);
  },
);

interface Answered {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

test('an answer that never ends is given up when its time is over', async () => {
  const dripping = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 1_000 });
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  });
  vi.stubEnv('AWS_ENDPOINT_URL', await listening(dripping));
  const { client } = deployed.tokensClient();
  const table = new deployed.Table({ client, timeout: 200 }, 'tokens');
  await expect(table.get({ pk: 'x' }, false)).rejects.toThrow('no answer in time');
  await closed(dripping);
});

test('a pause between two attempts ends with the time of the operation', async () => {
  proxy.inject('throttle');
  // The longest that the pause may be: half a second.
  vi.spyOn(Math, 'random').mockReturnValue(0.99);
  const { client } = deployed.tokensClient();
  const table = new deployed.Table({ client, timeout: 50 }, 'tokens');
  const { outcome } = await Promise.race([
    told(() => table.get({ pk: 'x' }, false)),
    setTimeout(300, { outcome: 'still waiting' }),
  ]);
  expect(outcome).toContain('no answer in time');
});

test('connections that rested for longer than a pause between requests are not used again', async () => {
  const network = await startDyingConnections(endpoint.origin);
  vi.stubEnv('AWS_ENDPOINT_URL', network.origin);
  const clock = fakeClock();
  const table = new deployed.Table(deployed.tokensClient({}, clock), names.tokens);
  const opened = [];
  for (const rest of [0, 9_000, 11_000]) {
    clock.advance(rest);
    await table.get({ pk: 'x' }, false);
    opened.push(network.counts.opened);
  }
  expect(opened).toEqual([1, 1, 2]);
  network.close();
});

test('requests are signed, and say what the SDK’s say', async () => {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    received.push({
      headers: request.headers as Received['headers'],
      body: Buffer.from(await text(request)),
    });
    response.end('{}');
  });
  vi.stubEnv('AWS_ENDPOINT_URL', await listening(server));
  for (const { Table, tokensClient, readSecret, secretsManagerClient } of [sdk, deployed]) {
    await new Table(tokensClient(), 'tokens').get({ pk: 'x' }, true);
    await readSecret(secretsManagerClient(), 'name');
  }
  await closed(server);
  const said = received.map(({ headers, body }) => ({
    type: headers['content-type'],
    target: headers['x-amz-target'],
    token: headers['x-amz-security-token'],
    body: JSON.parse(body.toString()),
  }));
  expect(said.slice(2)).toEqual(said.slice(0, 2));
  for (const [index, service] of ['dynamodb', 'secretsmanager', 'dynamodb', 'secretsmanager'].entries()) {
    const request = {
      method: 'POST',
      rawPath: '/',
      rawQuery: '',
      tooLarge: false,
      sourceIp: '',
      ...received[index]!,
    };
    await verifySignature(request, { service, region: 'us-east-1', now: Date.now(), key: 'secret' });
  }
});

test('credentials of a container are kept, unless they are about to expire', async () => {
  let given = 0;
  const container = createServer((_, response) => {
    given += 1;
    const Expiration = new Date(Date.now() + (given === 1 ? 60_000 : 3_600_000)).toISOString();
    const keys = { AccessKeyId: `container-${given}`, SecretAccessKey: 'secret', Token: 'session' };
    response.end(JSON.stringify({ ...keys, Expiration }));
  });
  const signers: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    signers.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1]);
    response.end('{}');
  });
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', await listening(container));
  vi.stubEnv('AWS_ENDPOINT_URL', await listening(server));
  const table = new deployed.Table(deployed.tokensClient(), 'tokens');
  for (let count = 0; count < 3; count += 1) await table.get({ pk: 'x' }, false);
  await Promise.all([closed(container), closed(server)]);
  expect(signers).toEqual(['container-2', 'container-2', 'container-2']);
});

type Received = Pick<Parameters<typeof verifySignature>[0], 'headers' | 'body'>;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

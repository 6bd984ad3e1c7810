import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { awsStores, compose, type Stores } from '../../functions/compose.ts';
import { parsed } from '../../functions/local/connections.ts';
import { embedDynamoDb } from '../../functions/local/emulator/dynamodb.ts';
import { type AwsService, startAwsEndpoint } from '../../functions/local/emulator/endpoint.ts';
import { secretsManagerService } from '../../functions/local/emulator/secrets-manager.ts';
import { embeddedConfig, prepareStores } from '../../functions/local/stores.ts';
import { DEMO_CLIENTS } from '../../functions/simulator/clients.ts';
import { NAMES } from '../../shared/contract/names.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { aGrant } from '../support/stores.ts';
import type { Measurement, Topic } from './topic.ts';

const VENDORS_MAIN = new URL('../../functions/simulator/main.ts', import.meta.url).pathname;
const CONNECTION = 'portal';
const CLIENT = DEMO_CLIENTS['bugfender-integration'];
const REDIRECT_URI = 'http://127.0.0.1:8787/callback';

/** Milliseconds that the vendor takes for each refresh. */
const LATENCY = 100;

/** Requests at the same time while the grants are being made. */
const SEEDING = 16;

/** One sweep over so many due grants, with the store of the local program and a vendor in a process of its own. */
export const sweep: Topic = {
  title: `A sweep against a vendor that takes ${LATENCY} ms, store embedded`,
  async measure() {
    const few = await sweepOf(1_000);
    const many = await sweepOf(10_000);
    return [...few, ...many.map((each, index) => ({ ...each, comparedWith: few[index]!.what }))];
  },
};

async function sweepOf(count: number): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'token-broker-bench-'));
  const vendor = await startVendor();
  const dynamodb = await embedDynamoDb(join(folder, 'dynamodb'));
  const writes = countWrites(dynamodb.service);
  const services = {
    lambda: () => Promise.reject(new Error('Nothing is invoked.')),
    dynamodb: writes.service,
    secretsmanager: await secretsManagerService(join(folder, 'secrets.json')),
  };
  const endpoint = await startAwsEndpoint({ port: 0, key: 'local', services });
  try {
    const { broker, stores } = await brokerOn(endpoint.url, vendor.origin);
    await seed(stores, vendor.origin, count);
    const memory = watchMemory();
    writes.reset();
    const begun = performance.now();
    const report = await broker.sweep({ shard: 0, lookAhead: 0, endsAt: Date.now() + 600_000 });
    const time = performance.now() - begun;
    if (report.renewed !== count) throw new Error(`Not all were renewed: ${JSON.stringify(report)}`);
    const each = (what: string) => `${count} grants: ${what}`;
    return [
      { what: each('in all'), value: time, unit: 'ms' },
      { what: each('for each'), value: time / count, unit: 'ms' },
      { what: each('table writes for each'), value: writes.count() / count, unit: '' },
      { what: each('memory at most'), value: memory.most(), unit: 'MB' },
    ];
  } finally {
    await endpoint.close();
    await dynamodb.close();
    vendor.child.kill();
    // LevelDB may still be writing its last files.
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function brokerOn(url: string, vendorOrigin: string) {
  const members = { vendor: 'bugfender', base_url: vendorOrigin, grant: 'authorization_code' };
  const connections = parsed({ connections: { [CONNECTION]: members } });
  const aws = embeddedConfig(url);
  const { clientId: client_id, clientSecret: client_secret } = CLIENT;
  await prepareStores(aws, {
    [`${NAMES.defaultSecretPrefix}${CONNECTION}`]: () => ({ client_id, client_secret }),
  });
  const stores = awsStores({ aws, ...NAMES, shards: 1 });
  const broker = compose({
    connections,
    stores,
    observe: () => undefined,
    publicUrl: url,
    allowLoopbackHttp: true,
  });
  return { broker, stores };
}

/** Grants as consents leave them, due. */
async function seed(stores: Stores, vendorOrigin: string, count: number): Promise<void> {
  const tokenEndpoint = `${vendorOrigin}/auth/token`;
  const numbers = Array.from({ length: count }, (_, index) => index).values();
  const work = async () => {
    for (const index of numbers) {
      const order = { client_id: CLIENT.clientId, redirect_uri: REDIRECT_URI, scope: 'all' };
      const issued = await steer(vendorOrigin, 'POST', 'grants', order);
      const { refresh_token } = issued as { refresh_token: string };
      const grant = aGrant(Date.now(), {
        connection: CONNECTION,
        subject: `user-${index}`,
        refreshToken: new Redacted(refresh_token),
        dueAt: Date.now(),
        binding: { tokenEndpoint, clientId: CLIENT.clientId },
        redirectUri: REDIRECT_URI,
        scopes: [],
      });
      await stores.grants.write(undefined, grant);
    }
  };
  await Promise.all(Array.from({ length: SEEDING }, work));
}

async function startVendor(): Promise<{ origin: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [VENDORS_MAIN], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { bugfender: origin } = (JSON.parse(line) as { origins: { bugfender: string } }).origins;
  await steer(origin, 'PUT', 'settings', { latency_ms: LATENCY, reuse_detection: true });
  return { origin, child };
}

async function steer(origin: string, method: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${origin}/_simulator/${path}`, { method, body: JSON.stringify(body) });
  return response.json();
}

function countWrites(service: AwsService) {
  let count = 0;
  const counting: AwsService = (request) => {
    if (/\.(Put|Update|Delete)Item$/.test(request.headers['x-amz-target'] ?? '')) count += 1;
    return service(request);
  };
  const reset = () => {
    count = 0;
  };
  return { service: counting, count: () => count, reset };
}

/** The most memory that was resident from now on. */
function watchMemory() {
  let most = 0;
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  return {
    most() {
      clearInterval(timer);
      look();
      return most / 1_048_576;
    },
  };
}

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { awsStores, type Stores } from '../../functions/compose.ts';
import { embedDynamoDb } from '../../functions/local/emulator/dynamodb.ts';
import { type AwsService, startAwsEndpoint } from '../../functions/local/emulator/endpoint.ts';
import { secretsManagerService } from '../../functions/local/emulator/secrets-manager.ts';
import { LOCAL_KEY_ID, LOCAL_REGION } from '../../functions/local/identities.ts';
import { embeddedConfig, prepareStores } from '../../functions/local/stores.ts';
import { DEMO_CLIENTS } from '../../functions/simulator/clients.ts';
import { bundleOf } from '../../infra/bundling/build.ts';
import { BUNDLE_FILE } from '../../infra/bundling/programs.ts';
import { NAMES } from '../../shared/contract/names.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { aGrant } from '../support/stores.ts';
import type { SweepCost, SweepSetup } from './sweep-child.ts';
import type { Measurement, Topic } from './topic.ts';

const VENDORS_MAIN = new URL('../../functions/simulator/main.ts', import.meta.url).pathname;
const CONNECTION = 'portal';
const CLIENT = DEMO_CLIENTS['bugfender-integration'];
const REDIRECT_URI = 'http://127.0.0.1:8787/callback';

/** Of the stores. */
const KEY = 'bench';

/** Milliseconds that the vendor takes for each refresh. */
const LATENCY = 100;

/** Requests at the same time while the grants are being made. */
const SEEDING = 16;

const FEW = 1_000;
const MANY = 10_000;
/** Only where everything is asked for: minutes go by until so many grants are made. */
const MOST = 50_000;
const GOALS = { all: { atMost: 25_000 }, constant: { atMost: 1.05 }, left: { atMost: 0 } };

/** One sweep over so many due grants; vendor, broker and the store of the local program in a process each. */
export const sweep: Topic = {
  title: `A sweep against a vendor that takes ${LATENCY} ms, store embedded, a process each`,
  async measure({ all }) {
    const rows: Measurement[] = [];
    for (const count of all ? [FEW, MANY, MOST] : [FEW, MANY]) rows.push(...(await sweepOf(count)));
    return rows;
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
  const endpoint = await startAwsEndpoint({ port: 0, key: KEY, services });
  try {
    await seed(await storesAt(endpoint.url), vendor.origin, count);
    writes.reset();
    const { renewed, wall, cpu, memory, held } = await sweepAt(endpoint.url, vendor.origin, folder);
    const row = (what: string, value: number, unit: Measurement['unit']) => ({
      what: `${count} grants: ${what}`,
      value,
      unit,
    });
    const constant = (what: string, value: number, unit: Measurement['unit']) => ({
      ...row(what, value, unit),
      ...(count > FEW && { comparedWith: `${FEW} grants: ${what}`, goal: GOALS.constant }),
    });
    return [
      { ...row('in all', wall, 'ms'), ...(count === MANY && { goal: GOALS.all }) },
      row("in all, the broker's share of the processor", cpu, 'ms'),
      { ...row('left for the next sweep', count - renewed, ''), goal: GOALS.left },
      constant('for each', wall / count, 'ms'),
      constant("for each, the broker's share", cpu / count, 'ms'),
      row('table writes for each', writes.count() / count, ''),
      constant('memory of the broker at most', memory, 'MB'),
      constant('memory that it still holds at the end', held, 'MB'),
    ];
  } finally {
    await endpoint.close();
    await dynamodb.close();
    vendor.child.kill();
    // LevelDB may still be writing its last files.
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function storesAt(url: string): Promise<Stores> {
  const aws = embeddedConfig(url, KEY);
  const { clientId: client_id, clientSecret: client_secret } = CLIENT;
  await prepareStores(aws, {
    [`${NAMES.defaultSecretPrefix}${CONNECTION}`]: () => ({ client_id, client_secret }),
  });
  return awsStores({ aws, ...NAMES, shards: 1 });
}

/** In a new process, so that nothing but the sweep is in its memory. */
async function sweepAt(url: string, vendorOrigin: string, folder: string): Promise<SweepCost> {
  const setup: SweepSetup = { vendorOrigin, connection: CONNECTION };
  const program = join(folder, BUNDLE_FILE);
  await writeFile(program, bundleOf('test/bench/sweep-child.ts').code);
  const env = {
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_KEY_ID,
    AWS_SECRET_ACCESS_KEY: KEY,
    AWS_ENDPOINT_URL: url,
  };
  const child = fork(program, [JSON.stringify(setup)], { env, execArgv: ['--expose-gc'] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The process that sweeps ended with ${code}`);
  });
  const [cost] = await Promise.race([once(child, 'message'), ended]);
  // It ends by itself; nobody waits for it any more.
  ended.catch(() => undefined);
  return cost as SweepCost;
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

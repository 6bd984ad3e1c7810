/** The console of a deployed broker: AWS is played by a stand-in, which has the lines that the functions write. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ActivityAnswer } from '../../functions/console/messages.ts';
import { telemetry } from '../../functions/telemetry.ts';
import type { BrokerEvent } from '../../shared/broker/events.ts';
import { environmentOf, MAIN } from '../cli/support.ts';
import { type HttpPeer, json, type Received, startHttpPeer } from '../support/http-peer.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { addressIn, askerOf } from './support.ts';

const PRINCIPAL = 'arn:aws:sts::111122223333:assumed-role/ci/run-1';
const AUDIT: BrokerEvent = {
  type: 'audit',
  action: 'token',
  principal: PRINCIPAL,
  connection: 'crash-symbols',
  outcome: 'success',
  source: 'vendor',
  duration: 120,
};
const REFRESHED: BrokerEvent = {
  type: 'grant',
  change: 'refreshed',
  connection: 'logs-portal',
  subject: 'ada',
};

/** As CloudWatch has it in its log. */
function lineOf(event: BrokerEvent): string {
  let line = '';
  const spies = [vi.spyOn(console, 'info'), vi.spyOn(process.stdout, 'write')] as const;
  const read = (text: unknown) => {
    line = String(text);
    return true;
  };
  spies[0].mockImplementation(read);
  spies[1].mockImplementation(read);
  telemetry('dev-token-broker').observe(event);
  for (const spy of spies) spy.mockRestore();
  return line;
}

/** As CloudWatch Logs Insights answers. */
const row = (fields: Record<string, string>) =>
  Object.entries(fields).map(([field, value]) => ({ field, value }));
const written = (at: number) => new Date(at).toISOString().replace('T', ' ').replace('Z', '');

let broker: LocalBrokerProcess;
let aws: HttpPeer;
let folder: string;
let address: string;
let ask: ReturnType<typeof askerOf>;
let stop: () => Promise<number | null>;
/** Of Logs Insights, as long as it lasts. */
let refusal: string | undefined;
const begun = Date.now();

beforeAll(async () => {
  [broker, aws, folder] = await Promise.all([
    startLocalBrokerProcess(),
    startHttpPeer(),
    mkdtemp(join(tmpdir(), 'token-broker-console-')),
  ]);
  aws.replyWith((response, received) => json(...answerTo(received))(response, received));
  const file = join(folder, 'connections.json');
  const guarded = {
    vendor: 'bugsplat',
    scope: 'symbols',
    callers: [{ principal: 'arn:aws:iam::111122223333:role/ci' }],
  };
  await writeFile(file, JSON.stringify({ connections: { 'crash-symbols': guarded } }));
  const args = ['console', '--stack', 'dev-token-broker', '--connections', file];
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...environmentOf(),
      AWS_ENDPOINT_URL: aws.origin,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
  });
  const [printed] = await once(child.stdout, 'data');
  address = addressIn(String(printed));
  ask = askerOf(address);
  stop = async () => {
    child.kill('SIGINT');
    await once(child, 'close');
    return child.exitCode;
  };
});
afterAll(() => Promise.all([broker.dispose(), aws.close(), rm(folder, { recursive: true })]));

const pending = new Set<string>();

function answerTo({ headers, method, path, body }: Received): [number, unknown] {
  const input = body.startsWith('{') ? JSON.parse(body) : {};
  switch (headers['x-amz-target'] ?? `${method} ${path.split('/').at(-1)}`) {
    case 'AmazonSSM.GetParameter':
      return [200, { Parameter: { Value: broker.url } }];
    case 'GET configuration':
      return [200, { LoggingConfig: { LogGroup: `group-of-${path.split('/').at(-2)}` } }];
    case 'Logs_20140328.StartQuery': {
      if (refusal) return [400, { __type: refusal, message: 'No.' }];
      const queryId = input.queryString.includes('stats') ? 'counts' : 'events';
      pending.add(queryId);
      return [200, { queryId }];
    }
    case 'Logs_20140328.GetQueryResults':
      // Insights takes its time.
      if (pending.delete(input.queryId)) return [200, { status: 'Running', results: [] }];
      return [200, { status: 'Complete', results: resultsOf(input.queryId) }];
    default:
      return [400, { __type: 'UnknownOperationException' }];
  }
}

function resultsOf(query: 'events' | 'counts') {
  const minute = written(Math.floor(begun / 60_000) * 60_000);
  const counted = { minute, connection: 'crash-symbols' };
  if (query === 'counts')
    return [
      row({ ...counted, outcome: 'success', source: 'memory', requests: '7' }),
      row({ ...counted, outcome: 'success', source: 'vendor', requests: '2' }),
      row({ ...counted, outcome: 'vendor_unavailable', requests: '1' }),
    ];
  return [AUDIT, REFRESHED].map((event, index) =>
    row({ '@timestamp': written(begun - index), '@message': lineOf(event), '@ptr': `pointer ${index}` }),
  );
}

const API = '/console/api';

describe('a deployed broker’s console', () => {
  test('is served on loopback by the command, under a key of its own', async () => {
    expect(address).not.toContain(broker.url);
    expect((await ask('/')).text).toContain('<title>Token broker</title>');
    expect((await ask(`${API}/about`)).json()).toMatchObject({
      isLocal: false,
      watched: 'logs',
      simulated: false,
    });
    const other = await askerOf(address.replace(/#.*/, `#${'x'.repeat(43)}`))(`${API}/about`);
    expect(other.status).toBe(403);
  });

  test('asks the broker with the operator’s signature', async () => {
    const { connections } = (await ask(`${API}/broker/connections`)).json() as { connections: object[] };
    expect(connections.length).toBeGreaterThan(5);
  });

  test('tells that the logs may not be read, and goes on', async () => {
    refusal = 'AccessDeniedException';
    const answer = await ask(`${API}/activity`);
    expect([answer.status, answer.json().message]).toEqual([502, expect.stringContaining('AccessDenied')]);
    expect((await ask(`${API}/broker/connections`)).status).toBe(200);
    refusal = undefined;
  });

  test('has its activity from the functions’ logs of the last hour, once however often it is asked', async () => {
    const look = async (after = 0) =>
      (await ask(`${API}/activity?after=${after}`)).json() as unknown as ActivityAnswer;
    const { entries, history, grants } = await look();
    expect(entries.map(({ event }) => event)).toEqual([REFRESHED, AUDIT]);
    expect(entries.map(({ at }) => at)).toEqual([begun - 1, begun]);
    expect(grants.map(({ event }) => event)).toEqual([REFRESHED]);
    const hour = history['crash-symbols'] ?? [];
    expect(hour).toHaveLength(60);
    expect(hour.filter(({ served }) => served > 0)).toEqual([{ served: 7, minted: 2, failed: 1 }]);
    expect((await look(entries.at(-1)!.number)).entries).toEqual([]);

    const queries = aws.received.filter(
      ({ headers }) => headers['x-amz-target'] === 'Logs_20140328.StartQuery',
    );
    const asked = queries.map(({ body }) => JSON.parse(body)).slice(-2);
    const stage = 'group-of-dev-token-broker-';
    for (const { logGroupNames, startTime, endTime } of asked) {
      expect(logGroupNames).toEqual(['https', 'invoke', 'callback', 'refresh'].map((name) => stage + name));
      expect(endTime - startTime).toBeGreaterThanOrEqual(3_600);
    }
    // Two that were refused, and two.
    expect(queries).toHaveLength(4);
  });

  test('judges who may use a connection by the file that it was deployed from', async () => {
    const asked = { principal: 'arn:aws:iam::111122223333:role/web', action: 'token' };
    const answer = await ask(`${API}/access/crash-symbols`, { method: 'POST', body: asked });
    expect(answer.json()).toMatchObject({ allowed: false });
  });

  test('ends at Ctrl+C', async () => {
    expect(await stop()).toBe(0);
    await expect(ask('/')).rejects.toThrow('ECONNREFUSED');
  });
});

/** The console of a deployed broker: AWS is played by a stand-in, which has the lines that the functions write. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { telemetry } from '../../functions/telemetry.ts';
import type { BrokerEvent } from '../../shared/broker/events.ts';
import { environmentOf, MAIN } from '../cli/support.ts';
import { type HttpPeer, json, type Received, startHttpPeer } from '../support/http-peer.ts';
import { startLocalBrokerProcess } from '../support/local-broker.ts';
import { addressIn } from './support.ts';

/** What the functions did, newest first, a millisecond before each other. */
export const EVENTS: readonly BrokerEvent[] = [
  {
    type: 'audit',
    action: 'token',
    principal: 'arn:aws:sts::111122223333:assumed-role/ci/run-1',
    connection: 'crash-symbols',
    outcome: 'success',
    source: 'vendor',
    duration: 120,
  },
  { type: 'grant', change: 'refreshed', connection: 'logs-portal', subject: 'ada' },
];
/** Who may use `crash-symbols`, by the file that it is said to be deployed from. */
export const CALLER = 'arn:aws:iam::111122223333:role/ci';

export interface DeployedConsole {
  readonly address: string;
  /** When the newest event was, in milliseconds since the epoch. */
  readonly at: number;
  readonly aws: HttpPeer;
  /** Logs Insights refuses, or no longer. */
  refuse(type: string | undefined): void;
  /** As Ctrl+C does. @returns the exit code */
  stop(): Promise<number | null>;
  dispose(): Promise<void>;
}

export async function startDeployedConsole(): Promise<DeployedConsole> {
  const [broker, aws, folder] = await Promise.all([
    startLocalBrokerProcess(),
    startHttpPeer(),
    mkdtemp(join(tmpdir(), 'token-broker-console-')),
  ]);
  const at = Date.now();
  const cloud = standIn(broker.url, at);
  aws.replyWith((response, received) => json(...cloud.answerTo(received))(response, received));
  const file = join(folder, 'connections.json');
  const guarded = { vendor: 'bugsplat', scope: 'symbols', callers: [{ principal: CALLER }] };
  await writeFile(file, JSON.stringify({ connections: { 'crash-symbols': guarded } }));
  const child = spawn(
    process.execPath,
    [MAIN, 'console', '--stack', 'dev-token-broker', '--connections', file],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...environmentOf(),
        AWS_ENDPOINT_URL: aws.origin,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        // CloudWatch writes UTC.
        TZ: 'Asia/Tokyo',
      },
    },
  );
  const [printed] = await once(child.stdout, 'data');
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill('SIGINT');
      await once(child, 'close');
    }
    return child.exitCode;
  };
  return {
    address: addressIn(String(printed)),
    at,
    aws,
    refuse: cloud.refuse,
    stop,
    async dispose() {
      await stop();
      await Promise.all([broker.dispose(), aws.close(), rm(folder, { recursive: true })]);
    },
  };
}

function standIn(endpoint: string, at: number) {
  const running = new Set<string>();
  let refusal: string | undefined;

  function answerTo({ headers, method, path, body }: Received): [number, unknown] {
    const input = body.startsWith('{') ? JSON.parse(body) : {};
    switch (headers['x-amz-target'] ?? `${method} ${path.split('/').at(-1)}`) {
      case 'AmazonSSM.GetParameter':
        return [200, { Parameter: { Value: endpoint } }];
      case 'GET configuration':
        return [200, { LoggingConfig: { LogGroup: `group-of-${path.split('/').at(-2)}` } }];
      case 'Logs_20140328.StartQuery': {
        if (refusal) return [400, { __type: refusal, message: 'No.' }];
        const queryId = input.queryString.includes('stats') ? 'counts' : 'events';
        running.add(queryId);
        return [200, { queryId }];
      }
      case 'Logs_20140328.GetQueryResults':
        // Insights takes its time.
        if (running.delete(input.queryId)) return [200, { status: 'Running', results: [] }];
        return [200, { status: 'Complete', results: resultsOf(input.queryId, at) }];
      default:
        return [400, { __type: 'UnknownOperationException' }];
    }
  }

  const refuse = (type: string | undefined) => {
    refusal = type;
  };
  return { answerTo, refuse };
}

function resultsOf(query: 'events' | 'counts', at: number) {
  const minute = written(Math.floor(at / 60_000) * 60_000);
  const counted = { minute, connection: 'crash-symbols' };
  if (query === 'counts')
    return [
      row({ ...counted, outcome: 'success', source: 'memory', requests: '7' }),
      row({ ...counted, outcome: 'success', source: 'vendor', requests: '2' }),
      row({ ...counted, outcome: 'vendor_unavailable', requests: '1' }),
    ];
  return EVENTS.map((event, index) =>
    row({ '@timestamp': written(at - index), '@message': lineOf(event), '@ptr': `pointer ${index}` }),
  );
}

/** As Logs Insights answers. */
const row = (fields: Record<string, string>) =>
  Object.entries(fields).map(([field, value]) => ({ field, value }));
const written = (at: number) => new Date(at).toISOString().replace('T', ' ').replace('Z', '');

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

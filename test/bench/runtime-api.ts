/** Lambda's Runtime API as one function sees it at its first invocation, and a core's share as Lambda gives it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const RUNTIME = fileURLToPath(new URL('runtime.cjs', import.meta.url));
const ARN = 'arn:aws:lambda:us-east-1:111122223333:function:token-broker-https';
/** MB with which Lambda gives a whole core; with less, a share. */
export const CORE = 1_769;
/** Microseconds in which a share is counted. */
const PERIOD = 20_000;

/** Milliseconds since the process was begun, Node.js's own start included; `cpu`: of the processor, up to the answer. */
export interface ColdStart {
  /** Until the first invocation was asked for. */
  readonly init: number;
  /** Until the answer was there. */
  readonly wall: number;
  readonly cpu: number;
}

export interface Start {
  readonly file: string;
  readonly event: object;
  readonly env: Readonly<Record<string, string>>;
  readonly group?: ControlGroup | undefined;
}

/** One invocation in a new process. @throws Error with the answer unless its status is 200 */
export async function startCold({ file, event, env, group }: Start): Promise<ColdStart> {
  const answered = Promise.withResolvers<{ wall: number; cpu: number }>();
  let begun = 0;
  let init = 0;
  const since = () => performance.now() - begun;
  const server = createServer(async (incoming, response) => {
    // There is one invocation: who asks for another waits.
    if (incoming.method === 'GET' && init > 0) return;
    if (incoming.method === 'GET') {
      init = since();
      response.writeHead(200, {
        'lambda-runtime-aws-request-id': '00000000-0000-4000-8000-000000000000',
        'lambda-runtime-deadline-ms': Date.now() + 29_000,
        'lambda-runtime-invoked-function-arn': ARN,
      });
      response.end(JSON.stringify(event));
      return;
    }
    const wall = since();
    const answer = await text(incoming);
    response.writeHead(202).end();
    if (JSON.parse(answer).statusCode === 200) answered.resolve({ wall, cpu: cpuOf(incoming) });
    else answered.reject(new Error(`${file} answered ${answer}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const AWS_LAMBDA_RUNTIME_API = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The shell enters the group before it becomes Node.js, so that all of the start counts.
  const enter = group ? `echo $$ > ${group.processes} && ` : '';
  begun = performance.now();
  const child = spawn('/bin/sh', ['-c', `${enter}exec "$0" "$@"`, process.execPath, RUNTIME, file], {
    env: { ...env, AWS_LAMBDA_RUNTIME_API },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    const early = ended.then(([code]) => {
      throw new Error(`${file} ended with ${code} before it answered`);
    });
    return { ...(await Promise.race([answered.promise, early])), init };
  } finally {
    child.kill('SIGKILL');
    await ended;
    server.closeAllConnections();
    server.close();
  }
}

function cpuOf({ headers }: IncomingMessage): number {
  return Number(headers['bench-cpu']);
}

/** Linux's way to give processes less than a core. */
export interface ControlGroup {
  /** The file that takes their ids. */
  readonly processes: string;
  remove(): void;
}

/** @param share of one core. @returns `undefined` where this machine does not let us */
export function controlGroup(share: number): ControlGroup | undefined {
  const quota = Math.round(share * PERIOD);
  const second = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const folder = join('/sys/fs/cgroup', second ? '' : 'cpu', `token-broker-bench-${process.pid}-${quota}`);
  try {
    mkdirSync(folder);
  } catch {
    return undefined;
  }
  const remove = () => rmdirSync(folder);
  try {
    if (second) writeFileSync(join(folder, 'cpu.max'), `${quota} ${PERIOD}`);
    else {
      writeFileSync(join(folder, 'cpu.cfs_period_us'), String(PERIOD));
      writeFileSync(join(folder, 'cpu.cfs_quota_us'), String(quota));
    }
    return { processes: join(folder, 'cgroup.procs'), remove };
  } catch {
    remove();
    return undefined;
  }
}

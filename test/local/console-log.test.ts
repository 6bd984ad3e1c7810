import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { startLocalBrokerProcess } from '../support/local-broker.ts';
import { signedFetch } from '../support/signed-fetch.ts';

const LOG = new URL('../../functions/local/console-log.ts', import.meta.url).href;

/** What a process has printed that told of three connections and then did this. */
function printed(last: string): string {
  const program = `
    const { consoleLog } = await import('${LOG}');
    for (const connection of ['first', 'second', 'third'])
      consoleLog({ type: 'unreadable_value', connection, detail: 'does not open' });
    ${last}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout;
}

const LINES = /^\S+ {2}first: does not open\n\S+ {2}second: does not open\n\S+ {2}third: does not open\n$/;

test.each([
  ['goes on', ''],
  ['exits', 'process.exit(1);'],
  ['crashes', 'throw new Error();'],
  ['has a promise that nobody handles', 'Promise.reject(new Error());'],
])('what was told before the program %s is printed, in order', (_, last) => {
  expect(printed(last)).toMatch(LINES);
});

test('every request that was answered before the broker is stopped has its line', async () => {
  const broker = await startLocalBrokerProcess();
  try {
    const ask = () => signedFetch(`${broker.url}/connections/crash-symbols/token`, { method: 'POST' });
    const answers = await Promise.all(Array.from({ length: 40 }, ask));
    const stopped = broker.stop();
    for (const { status } of answers) expect(status).toBe(200);
    await stopped;
    expect(broker.output().match(/ {2}token crash-symbols {2}/g)).toHaveLength(40);
  } finally {
    await broker.dispose();
  }
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployedActivity } from '../../functions/console/deployed-activity.ts';
import type { ActivityAnswer } from '../../functions/console/messages.ts';
import { type DeployedConsole, EVENTS, startDeployedConsole } from './deployed-console.ts';
import { askerOf } from './support.ts';

let deployed: DeployedConsole;
let ask: ReturnType<typeof askerOf>;
beforeAll(async () => {
  deployed = await startDeployedConsole();
  ask = askerOf(deployed.address);
});
afterAll(() => deployed.dispose());

const API = '/console/api';

describe('a deployed broker’s console', () => {
  test('is served on loopback by the command, under a key of its own', async () => {
    expect((await ask('/')).text).toContain('<title>Token broker</title>');
    expect((await ask(`${API}/about`)).json()).toMatchObject({
      isLocal: false,
      watched: 'logs',
      simulated: false,
    });
    const other = await askerOf(deployed.address.replace(/#.*/, `#${'x'.repeat(43)}`))(`${API}/about`);
    expect(other.status).toBe(403);
  });

  test('asks the broker with the operator’s signature', async () => {
    const { connections } = (await ask(`${API}/broker/connections`)).json() as { connections: object[] };
    expect(connections.length).toBeGreaterThan(5);
  });

  test('tells that the logs may not be read, and goes on', async () => {
    deployed.refuse('AccessDeniedException');
    const answer = await ask(`${API}/activity`);
    expect([answer.status, answer.json().message]).toEqual([502, expect.stringContaining('AccessDenied')]);
    expect((await ask(`${API}/broker/connections`)).status).toBe(200);
    deployed.refuse(undefined);
  });

  test('has its activity from the functions’ logs of the last hour, once however often it is asked', async () => {
    const look = async (after = 0) =>
      (await ask(`${API}/activity?after=${after}`)).json() as unknown as ActivityAnswer;
    const { entries, history, grants } = await look();
    expect(entries.map(({ event }) => event)).toEqual(EVENTS.toReversed());
    expect(entries.map(({ at }) => at)).toEqual([deployed.at - 1, deployed.at]);
    expect(grants.map(({ event }) => event)).toEqual([EVENTS[1]]);
    const hour = history['crash-symbols'] ?? [];
    expect(hour).toHaveLength(60);
    expect(hour.filter(({ served }) => served > 0)).toEqual([{ served: 7, minted: 2, failed: 1 }]);
    expect((await look(entries.at(-1)!.number)).entries).toEqual([]);

    const queries = deployed.aws.received.filter(
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

  test('tells nothing twice, though each look is of a whole hour', async () => {
    let now = deployed.at;
    const credentials = async () => ({ accessKeyId: 'local', secretAccessKey: 'local' });
    const aws = { region: 'us-east-1', credentials, endpoint: new URL(deployed.aws.origin) };
    const activity = deployedActivity({ aws, stage: 'dev-' }, () => now);
    const asked = deployed.aws.received.length;
    expect((await activity.answer(0)).entries).toHaveLength(EVENTS.length);
    const forOne = deployed.aws.received.length - asked;
    now += 61_000;
    expect((await activity.answer(0)).entries).toHaveLength(EVENTS.length);
    expect(deployed.aws.received.length - asked).toBeGreaterThan(forOne);
  });

  test('judges who may use a connection by the file that it was deployed from', async () => {
    const asked = { principal: 'arn:aws:iam::111122223333:role/web', action: 'token' };
    const answer = await ask(`${API}/access/crash-symbols`, { method: 'POST', body: asked });
    expect(answer.json()).toMatchObject({ allowed: false });
  });

  test('ends at Ctrl+C', async () => {
    expect(await deployed.stop()).toBe(0);
    await expect(ask('/')).rejects.toThrow('ECONNREFUSED');
  });
});

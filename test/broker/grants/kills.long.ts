import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../../shared/connections/connection.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import { brokerWorld } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, portal, someone } from '../../support/grants.ts';
import {
  type RefreshingProcess,
  type RefreshingSetup,
  refreshingProcesses,
  STEPS,
  type StartRefreshing,
} from '../../support/refreshing-processes.ts';

/** Processes that die, or are stopped, while they renew a grant whose refresh token works once. */
const world = brokerWorld();
const vendorLatency = 100;
const timing = {
  settle: 50,
  attemptTimeout: 800,
  deadline: 1_500,
  storeReserve: 500,
  clockSkew: 500,
  pollFirst: 20,
  pollLast: 100,
};
const LEASE = timing.deadline + timing.clockSkew;

let start: StartRefreshing;
let close: () => Promise<void>;
let survivor: GrantProcess;
let connection: Connection;
beforeAll(async () => {
  ({ start, close } = await refreshingProcesses());
  connection = await portal(world);
  survivor = grantProcess(world, connection, { timing });
});

afterAll(() => close());

function setupOf(subject: string): RefreshingSetup {
  const { name, secret, redirectUri } = connection;
  const members = {
    vendor: 'bugfender',
    grant: 'authorization_code',
    base_url: world.vendors.origins.bugfender,
    redirect_uri: redirectUri,
    secret,
  };
  const origins = { dynamodb: world.dynamodb.origin, secretsManager: world.secretsManager.origin };
  const { names } = world;
  return { origins, names, file: { connections: { [name]: members } }, subject, timing, vendorLatency };
}

/** Somebody's grant without an access token, so that whoever is asked for one must refresh. */
async function due(): Promise<string> {
  const subject = someone();
  world.vendors.bugfender.set({ latency_ms: 0 });
  const grant = await survivor.consent(subject);
  await survivor.stores.grants.write(grant, { ...grant, tokens: {}, dueAt: Date.now() });
  world.vendors.bugfender.set({ latency_ms: vendorLatency });
  return subject;
}

type Fate = 'alive' | 'consent_required' | 'silently dead';

/** What became of a grant, told by renewing it once more. */
async function fateOf(subject: string): Promise<Fate> {
  const { grant_status } = await survivor.describe(subject);
  if (grant_status === 'consent_required') return 'consent_required';
  try {
    const { access_token } = await survivor.token({ subject });
    const rejected = fingerprint(new Redacted(access_token));
    await survivor.token({ subject, rejected });
    return 'alive';
  } catch {
    return 'silently dead';
  }
}

/** Waits until no lease of a dead process is left, and lets the refresher look after what they left behind. */
async function recover(): Promise<void> {
  await delay(LEASE + 100);
  await survivor.sweep();
}

function print(what: string, fates: readonly Fate[]): void {
  const counts = new Map<Fate, number>();
  for (const fate of fates) counts.set(fate, (counts.get(fate) ?? 0) + 1);
  const text = [...counts].map(([fate, count]) => `${count} ${fate}`).join(', ');
  process.stdout.write(`  ${what}: ${text}\n`);
}

/** The steps between the vendor's commit and our durable write. */
const WINDOW = ['while the vendor works', 'after the vendor answered'];

describe.each([
  ['with a grace window', 60],
  ['without a grace window', 0],
])('%s', (profile, grace_window) => {
  const strict = () => world.vendors.bugfender.set({ reuse_detection: true, grace_window });

  test('a process that is killed at any step loses no grant outside the window', async () => {
    strict();
    for (const dieAt of STEPS) {
      const subjects = await Promise.all([due(), due(), due()]);
      const children: RefreshingProcess[] = [];
      for (const subject of subjects) children.push(await start({ ...setupOf(subject), dieAt }));
      for (const child of children) child.go();
      for (const { answer } of children) expect(await answer).toBeUndefined();
      await recover();
      const fates = await Promise.all(subjects.map(fateOf));
      print(`${profile}, killed ${dieAt}`, fates);
      const expected = grace_window === 0 && WINDOW.includes(dieAt) ? 'consent_required' : 'alive';
      expect([dieAt, ...fates]).toEqual([dieAt, expected, expected, expected]);
    }
  });

  test('of processes that are killed at 100 random moments, none leaves a grant dead in silence', async () => {
    const all: Fate[] = [];
    let committed = 0;
    for (let batch = 0; batch < 5; batch += 1) {
      strict();
      const subjects = await Promise.all(Array.from({ length: 20 }, due));
      const before = world.vendors.bugfender.counters.snapshot().refreshes;
      const queue = subjects.values();
      const work = async () => {
        for (const subject of queue) {
          const { child, go, answer } = await start(setupOf(subject));
          go();
          await Promise.race([answer, delay(Math.random() * 5 * vendorLatency)]);
          child.kill('SIGKILL');
        }
      };
      await Promise.all([work(), work(), work()]);
      await delay(2 * vendorLatency);
      const refreshed = world.vendors.bugfender.counters.snapshot().refreshes - before;
      const stored = await Promise.all(subjects.map((subject) => survivor.grant(subject)));
      const unresolved = stored.filter(({ attempts }) => attempts.length > 0).length;
      committed += stored.filter(({ lastAttempt }) => lastAttempt !== undefined).length;
      await recover();
      const fates = await Promise.all(subjects.map(fateOf));
      // Lost is what the vendor has renewed and nobody has stored, and nothing else.
      const lost = fates.filter((fate) => fate !== 'alive').length;
      const window = refreshed - stored.filter(({ lastAttempt }) => lastAttempt !== undefined).length;
      expect(window).toBeLessThanOrEqual(unresolved);
      expect(lost).toBe(grace_window > 0 ? 0 : window);
      all.push(...fates);
    }
    print(`${profile}, killed at random (${committed} had committed)`, all);
    expect(all).not.toContain('silently dead');
  });
});

describe('one refresh token is spent once', () => {
  test('by twenty processes that ask for it at the same moment', async () => {
    world.vendors.bugfender.set({ reuse_detection: true });
    const subject = await due();
    const children: RefreshingProcess[] = [];
    for (let count = 0; count < 20; count += 1) children.push(await start(setupOf(subject)));
    world.vendors.bugfender.counters.reset();
    for (const { go } of children) go();
    const answers = await Promise.all(children.map(({ answer }) => answer));
    expect(new Set(answers.map((answer) => answer?.token)).size).toBe(1);
    expect(answers[0]?.token).toBeDefined();
    const { refreshes, family_burns } = world.vendors.bugfender.counters.snapshot();
    expect([refreshes, family_burns]).toEqual([1, 0]);
    expect(await fateOf(subject)).toBe('alive');
  });

  test('by a process that was frozen past its lease before it sent: it sends nothing and writes nothing', async () => {
    world.vendors.bugfender.set({ reuse_detection: true });
    const subject = await due();
    const frozen = await start({ ...setupOf(subject), stopAt: 'after begin' });
    frozen.go();
    await frozen.stopped();
    frozen.child.kill('SIGSTOP');
    await delay(LEASE + 100);
    world.vendors.bugfender.counters.reset();
    await survivor.token({ subject });
    const stored = await survivor.grant(subject);
    frozen.child.kill('SIGCONT');
    frozen.proceed();
    await frozen.answer;
    expect(world.vendors.bugfender.counters.snapshot()).toMatchObject({ refreshes: 1, family_burns: 0 });
    expect(await survivor.grant(subject)).toEqual(stored);
    expect(await fateOf(subject)).toBe('alive');
  });

  test("by a process that was frozen with the vendor's answer in hand: the grant is not lost", async () => {
    world.vendors.bugfender.set({ reuse_detection: true, grace_window: 60 });
    const subject = await due();
    const frozen = await start({ ...setupOf(subject), stopAt: 'after the vendor answered' });
    frozen.go();
    await frozen.stopped();
    frozen.child.kill('SIGSTOP');
    await delay(LEASE + 100);
    await survivor.token({ subject });
    const stored = await survivor.grant(subject);
    frozen.child.kill('SIGCONT');
    frozen.proceed();
    await frozen.answer;
    // The answer of the one that took over stands.
    expect(await survivor.grant(subject)).toEqual(stored);
    expect(await fateOf(subject)).toBe('alive');
  });

  test('by a process that was frozen with the answer in hand, when nobody took over: it is stored', async () => {
    world.vendors.bugfender.set({ reuse_detection: true });
    const subject = await due();
    const frozen = await start({ ...setupOf(subject), stopAt: 'after the vendor answered' });
    frozen.go();
    await frozen.stopped();
    frozen.child.kill('SIGSTOP');
    await delay(LEASE + 100);
    frozen.child.kill('SIGCONT');
    frozen.proceed();
    await frozen.answer;
    expect(await survivor.grant(subject)).toMatchObject({ attempts: [], lastAttempt: expect.any(String) });
    expect(await fateOf(subject)).toBe('alive');
  });

  test('by a vendor that works on a request long after it was given up: nothing more is sent meanwhile', async () => {
    world.vendors.bugfender.set({ reuse_detection: true, grace_window: 60 });
    const subject = await due();
    world.vendors.bugfender.counters.reset();
    const late = { fault: 'processed_late', endpoint: 'token', grant_type: 'refresh_token' } as const;
    world.vendors.bugfender.setFault({ ...late, delay_ms: 1_400 });
    const children = await Promise.all([start(setupOf(subject)), start(setupOf(subject))]);
    for (const { go } of children) go();
    const answers = await Promise.all(children.map(({ answer }) => answer));
    expect(answers.map((answer) => answer?.error)).toEqual(['vendor_unavailable', 'vendor_unavailable']);
    expect(world.vendors.bugfender.counters.received('token', 'refresh_token')).toBe(1);
    await recover();
    expect(world.vendors.bugfender.counters.snapshot().family_burns).toBe(0);
    expect(await fateOf(subject)).toBe('alive');
  });
});

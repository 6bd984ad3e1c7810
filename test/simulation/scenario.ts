/** What happens in a run: a seed's choice of vendor, faults and events, and then the calm in which all must mend. */
import type { TokenAnswer } from '../../shared/contract/messages.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import type { Random } from './random.ts';
import { nameOf } from './stores.ts';
import { KINDS } from './vendor.ts';
import type { Service } from './weather.ts';
import type { Asked, Settings, World } from './world.ts';

const SUBJECTS = ['ada', 'bob'] as const;

const MINUTE = 60_000;

/** How long the calm may last until all is mended: the longest back-off, and what it then takes. */
const RECOVERY = 100 * MINUTE;

export function settingsOf(random: Random): Settings {
  return {
    // Where answers end each other there is most to go wrong.
    kind: random.pick([...KINDS, 'grace, latest wins']),
    refresh: random.chance(0.75) ? 'keep_warm' : 'on_use',
    life: random.pick([60, 300, 900, 3_600]),
    broad: random.chance(0.1),
    processes: random.integer(1, 3),
  };
}

export async function play(world: World): Promise<void> {
  await new Scenario(world).play();
}

class Scenario {
  readonly world: World;
  readonly random: Random;
  /** Tokens that were given last, by what they were asked with. */
  readonly #given = new Map<string, string>();
  #sweeping = true;
  #over = false;
  #waiting = 0;

  constructor(world: World) {
    this.world = world;
    this.random = world.random;
  }

  async play(): Promise<void> {
    const { world, random } = this;
    world.weather.hold();
    for (const subject of SUBJECTS) if (random.chance(0.85)) this.#authorize(subject, false);
    if (random.chance(0.3)) this.#startDevice();
    await this.#pass(20_000);
    if (random.chance(0.9)) world.weather.storm();
    if (random.chance(0.25)) world.fates.kill = random.pick([0.002, 0.01, 0.03]);
    if (random.chance(0.25)) world.fates.freeze = random.pick([0.002, 0.01, 0.03]);
    if (random.chance(0.4)) world.strikes.outage = random.pick([0.1, 0.5]);
    if (random.chance(0.2)) world.strikes.kill = random.pick([0.05, 0.2]);
    if (random.chance(0.4)) world.strikes.freeze = random.pick([0.1, 0.5]);
    this.#sweepEvery(MINUTE);
    for (let step = random.integer(8, 30); step > 0; step -= 1) {
      this.#step();
      await this.#pass(this.#pause());
    }
    await this.#recover();
  }

  #pass(milliseconds: number): Promise<void> {
    const { scheduler } = this.world;
    return scheduler.run(scheduler.now + milliseconds);
  }

  /** Most things happen at about the same time; now and then a token's life goes by. */
  #pause(): number {
    const { random } = this;
    const life = this.world.settings.life * 1000;
    return random.pick([
      () => random.between(0, 30),
      () => random.between(0, 200),
      () => random.between(200, 10_000),
      () => random.between(10_000, MINUTE),
      () => life * random.between(0.6, 1.1),
    ])();
  }

  #step(): void {
    const { random, world } = this;
    const [, act] = pickWeighted(random, [
      [40, () => this.#askToken()],
      [8, () => this.#burst()],
      [6, () => void world.sweep()],
      [7, () => this.#authorize(random.pick(SUBJECTS), random.chance(0.8))],
      [3, () => this.#startDevice()],
      [6, () => this.#revoke()],
      [3, () => world.anyMember().process.kill()],
      [3, () => world.anyMember().process.freeze(random.pick([5_000, 31_000, 100_000]))],
      [6, () => this.#outage()],
      [2, () => this.#changeSecret()],
      [1, () => world.vendor.endByUser(random.pick([...SUBJECTS, 'kiosk']))],
    ]);
    act();
  }

  #target(): { connection: string; subject: string } {
    const { random } = this;
    const connection = random.pick(['portal', 'portal', 'portal', 'kiosk', 'jobs']);
    return { connection, subject: connection === 'portal' ? random.pick(SUBJECTS) : 'default' };
  }

  #askToken(target = this.#target(), body: object = this.#need(target)): void {
    const as = this.random.chance(0.4) && 'scope' in body && body.scope === 'read' ? 'reader' : 'everything';
    void this.world.token({ ...body, subject: target.subject }, { ...target, as }).then((asked) => {
      this.#remember(target, body, asked);
    });
  }

  /** What a caller wants of its token. */
  #need({ connection, subject }: { connection: string; subject: string }): object {
    const { random, world } = this;
    const narrow = random.chance(0.25) && (connection === 'jobs' || world.settings.kind !== 'exclusive');
    const scope = narrow ? random.pick(['read', 'write']) : undefined;
    const last = this.#given.get(`${connection}/${subject} ${scope ?? ''}`);
    return {
      ...(scope && { scope }),
      ...(random.chance(0.1) && { min_ttl: Math.floor(world.settings.life * random.between(0.5, 1.2)) }),
      ...(last && random.chance(0.12) && { rejected: last }),
    };
  }

  #remember(
    target: { connection: string; subject: string },
    body: object,
    { answer }: Asked<TokenAnswer>,
  ): void {
    if (!answer) return;
    const scope = 'scope' in body ? String(body.scope) : '';
    this.#given.set(`${nameOf(target)} ${scope}`, fingerprint(new Redacted(answer.access_token)));
  }

  /** Many callers of one key at once, over all processes. */
  #burst(): void {
    const target = this.#target();
    const body = this.random.chance(0.2) ? this.#need(target) : {};
    for (let count = this.random.integer(2, 5); count > 0; count -= 1) this.#askToken(target, body);
  }

  #revoke(): void {
    const { random } = this;
    const target = random.chance(0.8)
      ? { connection: 'portal', subject: random.pick(SUBJECTS) }
      : { connection: 'kiosk', subject: 'default' };
    void this.world.revoke(random.chance(0.3), target);
  }

  #outage(): void {
    const { random, world } = this;
    const service = random.pick<Service>(['grants', 'tokens', 'secrets', 'vendor']);
    world.weather.outage(service, world.scheduler.now + random.pick([1_000, 5_000, 25_000, 90_000]));
  }

  /** Secret and client change together, as far as two systems can; the vendor takes the old one for a while. */
  #changeSecret(): void {
    const { world, random } = this;
    const { vendor, stores, scheduler } = world;
    const client_secret = `secret-${scheduler.now}`;
    vendor.clientSecrets.add(client_secret);
    stores.putSecret('client', { client_id: 'broker', client_secret });
    if (random.chance(0.5))
      scheduler.after(random.pick([0, 20_000, 400_000]), () => {
        for (const secret of vendor.clientSecrets)
          if (secret !== client_secret && !secret.startsWith('secret-')) vendor.clientSecrets.delete(secret);
      });
  }

  /** A whole consent in a browser: start, the person's decision, and the way back, which may be taken again. */
  #authorize(subject: string, replace: boolean): void {
    const { world, random } = this;
    const target = { connection: 'portal', subject };
    const startedAt = world.scheduler.now;
    void world.startConsent({ subject, replace }, target).then(async ({ answer: started }) => {
      if (!started) return;
      const secret = new URL(started.consent_url).pathname.split('/').at(-1)!;
      const { answer } = await world.goOn(secret, target);
      if (!answer || !('location' in answer && 'browser' in answer)) return;
      const { location, browser } = answer as { location: string; browser: string };
      const url = new URL(location);
      this.#later(random.pick([300, 3_000, 40_000, 700_000]), () => {
        const state = url.searchParams.get('state') ?? '';
        const code = world.vendor.authorize(subject, url.searchParams.get('scope') ?? '');
        const { pathname: path } = new URL(url.searchParams.get('redirect_uri')!);
        const back = { path, parameters: new URLSearchParams({ code, state }), browser };
        const reloads = random.integer(0, 3);
        this.#comeBack(back, { ...target, startedAt }, reloads);
      });
    });
  }

  #comeBack(
    back: Parameters<World['callback']>[0],
    target: Parameters<World['callback']>[1],
    reloads: number,
  ): void {
    const { world, random } = this;
    let answered = false;
    void world.callback(back, target).then(({ answer }) => {
      answered = answer !== undefined && answer.kind !== 'pending';
    });
    if (reloads > 0)
      this.#later(random.pick([50, 2_000, 35_000]), () => {
        if (!answered) this.#comeBack(back, target, reloads - 1);
      });
  }

  #startDevice(): void {
    const { world, random } = this;
    const target = { connection: 'kiosk', subject: 'default' };
    const startedAt = world.scheduler.now;
    void world.startConsent({ replace: random.chance(0.8) }, target).then(({ answer }) => {
      if (!answer || !('user_code' in answer)) return;
      const { consent, user_code, interval } = answer;
      const decision = random.chance(0.9) ? 'approved' : 'denied';
      if (random.chance(0.9))
        this.#later(random.between(100, 60_000), () => world.vendor.decide(user_code, decision));
      let over = false;
      const poll = () => {
        if (over || this.#over || world.scheduler.now > startedAt + 11 * MINUTE) return;
        void world.proceed(consent, { ...target, startedAt }).then(({ answer: status }) => {
          over ||= status !== undefined && status.status !== 'pending';
        });
        this.#later(interval * 1000 + random.between(0, 1_000), poll);
      };
      this.#later(interval * 1000, poll);
    });
  }

  /** People and devices go on whatever becomes of the broker's processes; the calm waits for them. */
  #later(milliseconds: number, run: () => void): void {
    this.#waiting += 1;
    this.world.scheduler.after(milliseconds, () => {
      this.#waiting -= 1;
      run();
    });
  }

  #sweepEvery(milliseconds: number): void {
    const { world } = this;
    world.scheduler.after(milliseconds, () => {
      if (!this.#sweeping) return;
      // Most sweeps would find nothing.
      const soon = world.scheduler.now + 3 * milliseconds;
      if ([...world.stores.grants.values()].some(({ dueAt }) => dueAt < soon)) void world.sweep();
      this.#sweepEvery(milliseconds);
    });
  }

  /** No more faults: what was begun ends, sweeps come in time, and then everybody asks once more. */
  async #recover(): Promise<void> {
    const { world } = this;
    const { scheduler, weather, fates } = world;
    this.#sweeping = false;
    weather.clear();
    fates.kill = 0;
    fates.freeze = 0;
    Object.assign(world.strikes, { outage: 0, kill: 0, freeze: 0 });
    world.history.add({ type: 'remark', at: scheduler.now, text: 'no more faults' });
    await scheduler.run(scheduler.now + 15 * MINUTE, () => this.#waiting === 0);
    this.#over = true;
    await this.#pass(7 * MINUTE);
    world.replaceAll();
    const calm = scheduler.now;
    while (scheduler.now < calm + RECOVERY) {
      await this.#sweepNow();
      const due = this.#unsettled(calm);
      if (due === undefined) break;
      await scheduler.run(Math.max(scheduler.now + MINUTE, Math.min(due, calm + RECOVERY)));
    }
    world.replaceAll();
    await this.#probe();
    await this.#pass(world.settings.life * 1000 + 20_000);
    await this.#probe();
  }

  async #sweepNow(): Promise<void> {
    const { world } = this;
    let done = false;
    void world.sweep().then(() => {
      done = true;
    });
    await world.scheduler.run(world.scheduler.now + 120_000, () => done);
  }

  /** When the next grant is due that nothing has been heard of since the calm began. */
  #unsettled(calm: number): number | undefined {
    const dues = [...this.world.stores.grants.values()].flatMap((grant) => {
      const ended = grant.status !== 'active' && grant.attempts.length === 0;
      const refreshed = grant.attempts.length === 0 && (grant.lastRefreshAt ?? 0) >= calm;
      const idle = grant.attempts.length === 0 && grant.dueAt > calm + RECOVERY;
      return ended || refreshed || idle ? [] : [grant.dueAt];
    });
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  /** Everybody asks, and what fails for a passing reason is asked again, as callers do. */
  async #probe(): Promise<void> {
    const { world } = this;
    const targets = [
      ...SUBJECTS.map((subject) => ({ connection: 'portal', subject })),
      { connection: 'kiosk', subject: 'default' },
      { connection: 'jobs', subject: 'default' },
    ];
    let open = targets.length;
    for (const target of targets) {
      const ask = (left: number): void => {
        void world
          .token({ subject: target.subject }, { ...target, probe: left === 0 })
          .then(({ operation }) => {
            const again = operation.error && operation.error.code !== 'consent_required' && left > 0;
            if (again) world.scheduler.after(70_000, () => ask(left - 1));
            else {
              Object.assign(operation, { probe: true });
              open -= 1;
            }
          });
      };
      ask(2);
    }
    await world.scheduler.run(world.scheduler.now + 10 * MINUTE, () => open === 0);
  }
}

function pickWeighted<T>(random: Random, choices: readonly (readonly [number, T])[]): readonly [number, T] {
  let rest = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const choice of choices) {
    rest -= choice[0];
    if (rest < 0) return choice;
  }
  return choices.at(-1)!;
}

/** The broker, composed as in production, as several processes over one set of simulated stores and one vendor. */
import { type Broker, compose } from '../../functions/compose.ts';
import { type Caller, httpsCaller } from '../../shared/broker/caller.ts';
import { PRODUCTION } from '../../shared/broker/times.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import type { ConsentAnswer, ConsentStatusAnswer, TokenAnswer } from '../../shared/contract/messages.ts';
import { jsonBody } from '../support/ask.ts';
import { History, type Operation, type ProcessChange } from './history.ts';
import { Network } from './network.ts';
import type { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { type Fates, FREEZES, SimulatedProcess } from './simulated-process.ts';
import { SimulatedStores } from './stores.ts';
import { described, ISSUER, type Kind, SimulatedVendor } from './vendor.ts';
import { Weather } from './weather.ts';

export const BEGINNING = Date.UTC(2026, 0, 1);

/** How long a function behind the HTTP API may run, in milliseconds. */
const HTTPS_LIMIT = 29_000;

const role = (name: string) => `arn:aws:iam::111122223333:role/${name}`;
const session = (name: string) => httpsCaller(`arn:aws:sts::111122223333:assumed-role/${name}/session`);

/** Who asks: `everything` may do all, `reader` only have tokens for the scope `read`. */
export const PRINCIPALS = { everything: session('everything'), reader: session('reader') } as const;

const CALLERS = [
  { principal: role('everything'), actions: ['token', 'read', 'consent', 'revoke'] },
  { principal: role('reader'), scopes: ['read'], actions: ['token'] },
];

export interface Settings {
  readonly kind: Kind;
  readonly refresh: 'keep_warm' | 'on_use';
  /** Seconds that the vendor's access tokens live. */
  readonly life: number;
  readonly broad: boolean;
  readonly processes: number;
}

/** A process of the broker, with what it is made of. */
export interface Member {
  readonly process: SimulatedProcess;
  readonly broker: Broker;
}

export class World {
  readonly settings: Settings;
  readonly random: Random;
  readonly history = new History();
  readonly scheduler = new Scheduler(BEGINNING);
  readonly weather: Weather;
  readonly fates: Fates = { kill: 0, freeze: 0 };
  /** What befalls whoever has just got a vendor's answer, as probabilities. */
  readonly strikes = { outage: 0, kill: 0, freeze: 0 };
  readonly stores: SimulatedStores;
  readonly vendor: SimulatedVendor;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly #network: Network;
  readonly #members: Member[] = [];
  #started = 0;

  constructor(settings: Settings, random: Random) {
    this.settings = settings;
    this.random = random;
    this.weather = new Weather(random);
    const parts = { scheduler: this.scheduler, weather: this.weather, history: this.history };
    this.stores = new SimulatedStores({ ...parts, begun: (process) => this.#wakeOthers(process) });
    this.vendor = new SimulatedVendor({ ...parts, ...settings });
    const strike = (process: SimulatedProcess) => this.#strike(process);
    this.#network = new Network({ ...parts, vendor: this.vendor, strike });
    this.connections = connectionsOf(settings);
    this.stores.putSecret('client', { client_id: 'broker', client_secret: 'first-secret' });
    for (let slot = 0; slot < settings.processes; slot += 1) this.#members.push(this.start());
  }

  /** A process as it starts: with an empty memory and a clock of its own. */
  start(): Member {
    const { scheduler, random, fates, history } = this;
    this.#started += 1;
    const name = `p${this.#started}`;
    const tell = (what: ProcessChange['what'], milliseconds?: number) =>
      history.add({
        type: 'process',
        at: scheduler.now,
        process: name,
        what,
        ...(milliseconds !== undefined && { milliseconds }),
      });
    const skew = Math.round(random.between(-5_000, 5_000));
    const process = new SimulatedProcess({ name, scheduler, random, fates, skew, tell });
    const broker = compose({
      connections: this.connections,
      stores: this.stores.of(process),
      observe: (event) => history.add({ type: 'event', at: scheduler.now, process: name, event }),
      publicUrl: 'https://broker.example',
      vendors: { [this.settings.kind]: described(this.settings.kind) },
      clock: process.clock,
      timing: PRODUCTION,
      exchange: this.#network.of(process),
      pause: (milliseconds, signal) => process.sleep(milliseconds, signal),
    });
    return { process, broker };
  }

  /** One of the processes that can be asked just now; whoever has died has been replaced. */
  anyMember(): Member {
    const slot = this.random.integer(0, this.#members.length - 1);
    const member = this.#members[slot]!;
    if (!member.process.dead)
      return member.process.running
        ? member
        : (this.#members.find((each) => each.process.running) ?? this.start());
    this.#members[slot] = this.start();
    return this.#members[slot]!;
  }

  /** The worst moment: a process has an answer in hand that stands nowhere yet. */
  #strike(process: SimulatedProcess): void {
    const { random, weather, strikes, scheduler } = this;
    if (random.chance(strikes.outage))
      weather.outage('grants', scheduler.now + random.pick([3_000, 22_000, 40_000]));
    if (random.chance(strikes.kill)) process.kill();
    else if (random.chance(strikes.freeze)) process.freeze(random.pick(FREEZES));
  }

  /** A frozen process is most dangerous when it thaws while another is at its work. */
  #wakeOthers(process: SimulatedProcess): void {
    for (const each of this.#members)
      if (each.process !== process && each.process.frozen && this.random.chance(0.3))
        this.scheduler.after(this.random.pick([1, 30, 100, 2_000]), () => each.process.thaw());
  }

  members(): readonly Member[] {
    return this.#members;
  }

  /** Lambda keeps nobody for ever: from now on there are only new processes. */
  replaceAll(): void {
    for (const slot of this.#members.keys()) this.#members[slot] = this.start();
  }

  token(
    body: object,
    options: Asking & { readonly as?: keyof typeof PRINCIPALS },
  ): Promise<Asked<TokenAnswer>> {
    return this.#ask('token', { ...options, input: body }, (broker, ask) =>
      broker.token({ ...ask, body: jsonBody(body) }),
    );
  }

  startConsent(body: object, options: Asking): Promise<Asked<ConsentAnswer>> {
    return this.#ask('consent', { ...options, input: body }, (broker, ask) =>
      broker.startConsent({ ...ask, body: jsonBody(body) }),
    );
  }

  proceed(consent: string, options: Asking): Promise<Asked<ConsentStatusAnswer>> {
    return this.#ask('proceed', options, (broker, ask) =>
      broker.proceedConsent({ ...ask, path: { consent } }),
    );
  }

  /** Goes on with a consent in a browser. */
  goOn(secret: string, options: Asking): Promise<Asked<object>> {
    return this.#ask('goOn', options, (broker, { span }) => broker.continueConsent({ secret, ...span }));
  }

  callback(
    request: { readonly path: string; readonly parameters: URLSearchParams; readonly browser: string },
    options: Asking,
  ): Promise<Asked<{ kind: string }>> {
    return this.#ask('callback', options, (broker, { span }) => broker.callback({ ...request, ...span }));
  }

  revoke(force: boolean, options: Asking): Promise<Asked<object>> {
    const query = { force: String(force) };
    return this.#ask('revoke', { ...options, input: query }, (broker, ask) =>
      broker.revoke({ ...ask, path: { subject: options.subject }, query }),
    );
  }

  sweep(options: Partial<Asking> = {}): Promise<Asked<object>> {
    return this.#ask('sweep', { connection: '', ...options }, (broker, { span }) =>
      broker.sweep({ shard: 0, lookAhead: 60_000, endsAt: span.begunAt + 55_000 }),
    );
  }

  async #ask<T>(
    name: Operation['name'],
    {
      as = 'everything',
      on = this.anyMember(),
      ...rest
    }: Asking & { as?: keyof typeof PRINCIPALS; input?: unknown },
    run: (broker: Broker, ask: Ask) => Promise<T>,
  ): Promise<Asked<T>> {
    const { process, broker } = on;
    const operation = this.history.add<Operation>({
      type: 'operation',
      at: this.scheduler.now,
      process: process.name,
      name,
      principal: as,
      ...rest,
    });
    const begunAt = process.clock.now();
    const ask: Ask = {
      caller: PRINCIPALS[as],
      connection: rest.connection,
      span: { begunAt, endsAt: begunAt + HTTPS_LIMIT },
    };
    try {
      const answer = await run(broker, ask);
      operation.outcome = answer;
      return { answer, operation };
    } catch (error) {
      const known = error instanceof BrokerError;
      operation.error = known
        ? { code: error.code, text: error.message }
        : { code: 'defect', text: String((error as Error)?.stack ?? error) };
      return { operation };
    } finally {
      operation.endedAt = this.scheduler.now;
    }
  }
}

interface Ask {
  readonly caller: Caller;
  readonly connection: string;
  readonly span: { readonly begunAt: number; readonly endsAt: number };
}

export interface Asking {
  readonly connection: string;
  readonly subject?: string;
  readonly startedAt?: number;
  readonly probe?: boolean;
  readonly on?: Member;
}

export interface Asked<T> {
  readonly answer?: T;
  readonly operation: Operation;
}

const parsed = new Map<string, ReadonlyMap<string, Connection>>();

/** One connection of each way to get a token, at the one server. They never change, so that they are parsed once. */
function connectionsOf({ kind, refresh }: Settings): ReadonlyMap<string, Connection> {
  const key = `${kind} ${refresh}`;
  const known = parsed.get(key);
  if (known) return known;
  const at = (connection: string) => ({
    vendor: kind,
    client_auth: 'client_secret_post',
    secret: 'client',
    token_endpoint: `${ISSUER}/${connection}/token`,
    authorization_endpoint: `${ISSUER}/${connection}/authorize`,
    device_authorization_endpoint: `${ISSUER}/${connection}/device`,
    revocation_endpoint: `${ISSUER}/${connection}/revoke`,
    callers: CALLERS,
  });
  const scopes = { scope: 'read write', scopes: ['read', 'write'] };
  const connections = parseConnections(
    {
      connections: {
        portal: { ...at('portal'), ...scopes, grant: 'authorization_code', refresh },
        kiosk: {
          ...at('kiosk'),
          ...scopes,
          grant: 'urn:ietf:params:oauth:grant-type:device_code',
          refresh,
        },
        jobs: { ...at('jobs'), scope: 'read', scopes: ['read', 'write'], grant: 'client_credentials' },
      },
    },
    { vendors: { [kind]: described(kind) }, allowLoopbackHttp: false },
  );
  parsed.set(key, connections);
  return connections;
}

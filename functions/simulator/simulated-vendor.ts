import { setMaxListeners } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '../../shared/contract/node-http.ts';
import { BadControlInput } from './checked.ts';
import { type ClientSecretValue, demoClients, type RegisteredClient, type VendorName } from './clients.ts';
import { Counters } from './counters.ts';
import { DemoKey } from './demo-key.ts';
import { type Served, send, serve } from './exchange.ts';
import { type FaultOrder, FaultPlan } from './fault-plan.ts';
import { type Answer, json, Refusal } from './http.ts';
import { changed, DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { type Holder, type IssuedTokens, TokenStore } from './tokens.ts';
import type { VendorDefinition } from './vendor-definition.ts';

/** Everything below this path steers the simulation; the rest is the vendor's. */
export const CONTROL_PREFIX = '/_simulator';

/** Answers a request below `CONTROL_PREFIX`. */
export type Control = (vendor: SimulatedVendor, path: string, request: IncomingMessage) => Promise<Answer>;

interface StartOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly control: Control;
  /** Of an earlier run. */
  readonly tokens?: IssuedTokens | undefined;
}

/** One vendor, simulated on a loopback port of its own. Its HTTP control surface calls these methods. */
export class SimulatedVendor {
  readonly name: VendorName;
  /** `http://127.0.0.1:PORT`: the vendor's `base_url`, and its issuer where it has metadata. */
  readonly origin: string;
  readonly counters = new Counters();
  readonly #host: string;
  readonly #server: Server;
  readonly #clients = new Map<string, RegisteredClient>();
  readonly #tokens: TokenStore;
  readonly #plan = new FaultPlan();
  readonly #closing = new AbortController();
  readonly #served: Served;
  readonly #demoKey = new DemoKey();
  readonly #control: Control;
  #settings = DEFAULT_SETTINGS;

  /** @throws Error `EADDRINUSE` */
  static async start(
    name: VendorName,
    definition: VendorDefinition,
    options: StartOptions,
  ): Promise<SimulatedVendor> {
    const server = createServer();
    await new Promise<void>((listening, failed) => {
      server.once('error', failed);
      server.listen(options.port, '127.0.0.1', listening);
    });
    return new SimulatedVendor(name, definition, server, options);
  }

  private constructor(
    name: VendorName,
    definition: VendorDefinition,
    server: Server,
    { now, control, tokens }: StartOptions,
  ) {
    this.name = name;
    this.#control = control;
    this.#host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.origin = `http://${this.#host}`;
    this.#server = server;
    // Every delayed request listens to it; any number of them may be under way.
    setMaxListeners(0, this.#closing.signal);
    const settings = () => this.#settings;
    this.#tokens = new TokenStore(definition.tokenStyle, settings, this.counters, now);
    if (tokens) this.#tokens.restore(tokens);
    for (const client of Object.values(demoClients(name))) this.registerClient(client);
    const { origin, counters } = this;
    const vendor = { origin, now, settings, counters, clients: this.#clients, tokens: this.#tokens };
    this.#served = {
      vendor,
      routes: definition.routes(vendor),
      faults: this.#plan,
      closing: this.#closing.signal,
    };
    server.on('request', (request, response) => this.#handle(request, response));
  }

  /** What the vendor serves, as `METHOD PATH`, by the names that faults go by. */
  endpoints(): Record<string, string[]> {
    const listed: Record<string, string[]> = {};
    for (const { endpoint, method, path } of this.#served.routes) {
      listed[endpoint] = [...(listed[endpoint] ?? []), `${method} ${path}`];
    }
    return listed;
  }

  settings(): Settings {
    return this.#settings;
  }

  /** Changes the settings that are named. @throws BadControlInput */
  set(change: Partial<Settings>): Settings {
    this.#settings = changed(this.#settings, change);
    return this.#settings;
  }

  /** Replaces the faults to come; none: all is well again. @throws BadControlInput */
  setFault(...orders: FaultOrder[]): void {
    this.#plan.set(orders);
  }

  /** The faults to come, with the times that are left. */
  faults(): FaultOrder[] {
    return this.#plan.list();
  }

  /** Adds a client, or replaces the one of that id. */
  registerClient(client: RegisteredClient): void {
    this.#clients.set(client.clientId, client);
  }

  /** The key of its service account takes long, and will be asked for soon. */
  beginKey(): void {
    void this.#demoKey.pair();
  }

  /**
   * The demo clients' secrets, by name, as the broker wants them in Secrets Manager. The first call on
   * Bugfender makes the key of its service account.
   */
  async clientSecrets(): Promise<Record<string, ClientSecretValue>> {
    const secrets: Record<string, ClientSecretValue> = {};
    for (const [name, { clientId, clientSecret, proof }] of Object.entries(demoClients(this.name))) {
      if (proof === 'assertion') {
        const { publicKey, privateKey } = await this.#demoKey.pair();
        this.registerClient({ ...this.#clients.get(clientId)!, publicKey });
        secrets[name] = { client_id: clientId, private_key: privateKey };
      } else {
        secrets[name] = { client_id: clientId, ...(clientSecret ? { client_secret: clientSecret } : {}) };
      }
    }
    return secrets;
  }

  /**
   * A grant as if somebody had consented. @returns its tokens
   * @throws BadControlInput for a client that cannot have one
   */
  issueGrant(holder: Holder & { redirectUri?: string }): { access_token: string; refresh_token: string } {
    if (!this.#clients.get(holder.clientId)?.grants.includes('refresh_token')) {
      throw new BadControlInput('client_id: Expected a client with the grant type refresh_token');
    }
    const { accessToken, refreshToken } = this.#tokens.open(holder);
    return { access_token: accessToken.value, refresh_token: refreshToken };
  }

  /** Revokes an access token, or a refresh token with its whole grant. @returns whether it was known */
  revoke(token: string): boolean {
    return this.#tokens.revoke(token);
  }

  /** Ends every grant and every token. */
  revokeAll(): void {
    this.#tokens.revokeAll();
  }

  /** Whether the vendor's API would take this access token now. */
  isLive(accessToken: string): boolean {
    return this.#tokens.live(accessToken) !== undefined;
  }

  /** What another run can go on with. */
  kept(): { port: number; tokens: IssuedTokens } {
    return { port: Number(new URL(this.origin).port), tokens: this.#tokens.all() };
  }

  /** Every token issued so far, for searches through logs. */
  issuedTokens(): string[] {
    return this.#tokens.issued();
  }

  /** Gives up whatever is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that leaves early is nothing to report.
    response.on('error', () => {});
    try {
      const url = URL.parse(this.origin + request.url);
      if (!url) return send(response, refused(400, 'The request target is not a path.'));
      const misplaced = this.#misplaced(request, url);
      if (misplaced) return send(response, misplaced);
      if (!isControl(url)) return await serve(this.#served, url, request, response);
      send(response, await this.#control(this, url.pathname, request));
    } catch (error) {
      if (error instanceof Refusal) return send(response, error.answer);
      response.destroy();
      // Waits end in an error on closing, bodies when the client leaves; anything else is a mistake here.
      if (!this.#closing.signal.aborted && request.complete) process.emitWarning(error as Error);
    }
  }

  /** Refuses other names for this address (DNS rebinding), and web pages that would steer the simulation. */
  #misplaced(request: IncomingMessage, url: URL): Answer | undefined {
    const { host, origin } = request.headers;
    if (host !== this.#host && host !== this.#host.replace('127.0.0.1', 'localhost')) {
      return refused(421, `This is ${this.origin} only.`);
    }
    return isControl(url) && origin !== undefined ? refused(403, 'Not for web pages.') : undefined;
  }
}

function refused(status: number, description: string): Answer {
  return json(status, { error: 'invalid_request', error_description: description });
}

function isControl(url: URL): boolean {
  return url.pathname === CONTROL_PREFIX || url.pathname.startsWith(`${CONTROL_PREFIX}/`);
}

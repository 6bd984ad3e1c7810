import { afterAll, beforeAll, beforeEach } from 'vitest';
import {
  DEMO_CLIENTS,
  type DemoClient,
  type DemoClientName,
  VENDOR_NAMES,
} from '../../functions/simulator/clients.ts';
import { type SimulatedVendors, startSimulatedVendors } from '../../functions/simulator/server.ts';
import { DEFAULT_SETTINGS } from '../../functions/simulator/settings.ts';

/** A clock that stands still until it is told otherwise. */
export class StandingClock {
  milliseconds = Date.UTC(2026, 0, 1);

  now = (): number => this.milliseconds;

  advance(seconds: number): void {
    this.milliseconds += seconds * 1000;
  }
}

/** The four vendors for one test file, set back to normal before each test. */
export function simulation(): { clock: StandingClock; vendors: SimulatedVendors } {
  const clock = new StandingClock();
  const context = { clock } as { clock: StandingClock; vendors: SimulatedVendors };
  beforeAll(async () => {
    context.vendors = await startSimulatedVendors({ now: clock.now });
  });
  beforeEach(() => {
    for (const name of VENDOR_NAMES) {
      const vendor = context.vendors[name];
      vendor.set(DEFAULT_SETTINGS);
      vendor.setFault();
      vendor.counters.reset();
    }
  });
  afterAll(() => context.vendors.close());
  return context;
}

export const OOB = 'urn:ietf:wg:oauth:2.0:oob';
export const CALLBACK = 'http://127.0.0.1:8787/callback';

/** A demo client's `client_id` and `client_secret`, as body parameters. */
export function credentials(name: DemoClientName): { client_id: string; client_secret?: string } {
  const { clientId, clientSecret }: DemoClient = DEMO_CLIENTS[name];
  return { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) };
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; empty when it is no JSON. */
  body: Record<string, unknown>;
}

export async function reply(response: Response): Promise<Reply> {
  const text = await response.text();
  const json = response.headers.get('content-type') === 'application/json' && text !== '';
  return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : {} };
}

export async function postForm(
  url: string,
  parameters: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const body = new URLSearchParams(parameters);
  return reply(await fetch(url, { method: 'POST', body, headers, redirect: 'manual' }));
}

export async function postMultipart(url: string, parameters: Record<string, string>): Promise<Reply> {
  const body = new FormData();
  for (const [name, value] of Object.entries(parameters)) body.set(name, value);
  return reply(await fetch(url, { method: 'POST', body }));
}

export async function postJson(url: string, body: unknown): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  return reply(await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }));
}

export async function getWith(url: string, accessToken: unknown, scheme = 'Bearer'): Promise<Reply> {
  return reply(await fetch(url, { headers: { authorization: `${scheme} ${accessToken}` } }));
}

/** The person's answer to an authorization URL; where the vendor sends them. */
export async function decide(
  authorizationUrl: string | URL,
  decision: 'approve' | 'deny' = 'approve',
): Promise<URL> {
  const { headers, text } = await postForm(String(authorizationUrl), { decision, user: 'ada' });
  const location = headers.get('location');
  if (location === null) throw new Error(`No redirect: ${text}`);
  return new URL(location);
}

/** The simulated vendors' control surfaces, as far as the page may use them. */
import type { SimulatedVendorAnswer, VendorCounts } from './messages.ts';

const CONTROL = '/_simulator';
/** Milliseconds. */
const TIMEOUT = 5_000;

/** Where each vendor is simulated, by name. */
export type Origins = Readonly<Record<string, string>>;

export async function describeVendors(origins: Origins): Promise<SimulatedVendorAnswer[]> {
  return Promise.all(
    Object.values(origins).map(async (origin) => {
      const [about, counts] = await Promise.all([
        control(origin, 'GET', ''),
        control(origin, 'GET', '/requests'),
      ]);
      const { vendor, faults, faults_help } = about as Omit<SimulatedVendorAnswer, 'counts'>;
      const { common: _, ...kinds } = faults_help;
      return { vendor, faults, faults_help: kinds, counts: counts as VendorCounts };
    }),
  );
}

/** @param faults JSON, which the simulator checks @throws BadFaults with the simulator's own words */
export async function setFaults(origin: string, faults: string): Promise<void> {
  await control(origin, 'PUT', '/faults', faults);
}

export async function resetCounts(origin: string): Promise<void> {
  await control(origin, 'DELETE', '/requests');
}

/** The simulator takes no such faults; the message says what it takes. */
export class BadFaults extends Error {}

async function control(origin: string, method: string, path: string, body?: string): Promise<unknown> {
  const response = await fetch(`${origin}${CONTROL}${path}`, {
    method,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT),
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const answer: unknown = text === '' ? undefined : JSON.parse(text);
  if (response.ok) return answer;
  throw new BadFaults(
    (answer as { error_description?: string }).error_description ?? String(response.status),
  );
}

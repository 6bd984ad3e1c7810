import { BrokerError, VendorError } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { Budget } from '../../shared/oauth/exchange.ts';
import type { TokenCall } from '../../shared/oauth/types.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

export const SECRET = 'CANARY-secret:%+&é';

/** Two attempts in twenty seconds, as in production, on a clock that stands still. */
export function budgetOf(
  clock: FakeClock = fakeClock(),
  bounds: Partial<Budget> = {},
): Budget & { readonly clock: FakeClock } {
  return { deadline: clock.now() + 20_000, attemptTimeout: 8_000, attempts: 2, ...bounds, clock };
}

/** A plain client-credentials call to `origin`. */
export function tokenCall(origin: string, members: Partial<TokenCall> = {}): TokenCall {
  return {
    endpoints: { tokenEndpoint: `${origin}/token` },
    client: { clientId: 'client-1', clientSecret: new Redacted(SECRET) },
    clientAuth: 'client_secret_post',
    dialect: { encoding: 'form', defaultLifetime: 300 },
    parameters: { grant_type: 'client_credentials', scope: 'read' },
    resend: 'idempotent',
    budget: budgetOf(),
    ...members,
  };
}

/** What it fails with, which must be a VendorError. */
export async function vendorErrorOf(failing: Promise<unknown>): Promise<VendorError> {
  const error = await errorOf(failing);
  if (error instanceof VendorError) return error;
  throw error;
}

export async function brokerErrorOf(failing: Promise<unknown>): Promise<BrokerError> {
  const error = await errorOf(failing);
  if (error instanceof BrokerError) return error;
  throw error;
}

async function errorOf(failing: Promise<unknown>): Promise<unknown> {
  const outcome = await failing.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error('It did not fail.');
}

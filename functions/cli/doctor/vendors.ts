import { isLoopback } from '../../../shared/contract/loopback.ts';
import { VENDORS } from '../../../shared/vendors/index.ts';
import { duration } from '../words.ts';
import { type Check, type CheckContext, type Finding, ok, problem, skipped } from './check.ts';

/** Milliseconds. */
const TIMEOUT = 5_000;
/** Seconds; assertions and AWS signatures tolerate a few minutes at most. */
const TOLERATED_SKEW = 60;

/** Each vendor's host once: reachable from here, and the clocks agree. */
export const checkVendors: Check = async (context) => {
  const hosts = new Set(
    context.listed.flatMap(({ connection, api_hosts }) => hostOf(context, connection, api_hosts)),
  );
  if (hosts.size === 0) return [skipped('vendor hosts', 'none is known; pass --connections FILE')];
  return Promise.all([...hosts].map((host) => checkHost(host)));
};

/** With the file, where tokens come from; else where they go, which is the same host for most. */
function hostOf({ file }: CheckContext, connection: string, apiHosts: readonly string[] = []): string[] {
  const entry = file?.get(connection);
  const host = entry ? VENDORS[entry.vendor]?.tokenHost(entry) : apiHosts[0];
  return host ? [host] : [];
}

async function checkHost(host: string): Promise<Finding> {
  const check = `vendor host ${host}`;
  const scheme = isLoopback(new URL(`https://${host}`).hostname) ? 'http' : 'https';
  try {
    const response = await fetch(`${scheme}://${host}/`, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const date = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(date)) return ok(check, 'reachable from here; it does not tell the time');
    const skew = Math.abs(date - Date.now()) / 1000;
    if (skew <= TOLERATED_SKEW) return ok(check, 'reachable from here, clocks agree');
    return problem(
      check,
      `its clock and this machine's differ by ${duration(skew)}`,
      'Set this machine’s clock (NTP).',
    );
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer in time';
    return problem(
      check,
      `cannot be reached from here (${code})`,
      'Check base_url or tenant, DNS and the network.',
    );
  }
}

/** An authorization server's own word about itself, for commands. */
import type { JsonObject } from '../../shared/oauth/answer.ts';
import { systemClock } from '../../shared/oauth/clock.ts';
import { findMetadata } from '../../shared/oauth/discovery.ts';

/** Of the whole look at the server's metadata, in milliseconds. */
const PATIENCE = 20_000;

export function discoveryOptions(endpointHosts: readonly string[], allowLoopbackHttp: boolean) {
  const deadline = systemClock.now() + PATIENCE;
  const budget = { clock: systemClock, deadline, attemptTimeout: PATIENCE / 2, attempts: 2 };
  return { endpointHosts, allowLoopbackHttp, budget };
}

/** @throws VendorError */
export function metadataOf(issuer: string, allowLoopbackHttp: boolean): Promise<JsonObject> {
  return findMetadata(issuer, discoveryOptions([], allowLoopbackHttp));
}

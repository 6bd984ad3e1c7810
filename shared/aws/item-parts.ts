/** Parts that items of both tables have: their form in DynamoDB, and the way there and back. */
import * as v from 'valibot';
import type { Failure, Lease } from '../broker/ports.ts';
import { ERROR_CODES, type ErrorCode, VENDOR_STEPS } from '../contract/errors.ts';
import { present } from '../contract/present.ts';

/** Milliseconds since the epoch. */
export const time = v.pipe(v.number(), v.finite());

export const leaseItem = v.object({ id: v.string(), until: time });

export const failureItem = v.object({
  code: v.picklist(Object.keys(ERROR_CODES) as ErrorCode[]),
  description: v.string(),
  vendor_error: v.optional(v.string()),
  vendor_status: v.optional(v.number()),
  step: v.optional(v.picklist(VENDOR_STEPS)),
  secret_version: v.optional(v.string()),
  at: time,
  until: time,
  count: v.number(),
  since: v.optional(time),
});

export function toLeaseItem({ id, until }: Lease): v.InferOutput<typeof leaseItem> {
  return { id, until };
}

export function toFailureItem(failure: Failure): v.InferOutput<typeof failureItem> {
  return {
    code: failure.code,
    description: failure.description,
    vendor_error: failure.vendorError,
    vendor_status: failure.vendorStatus,
    step: failure.step,
    secret_version: failure.secretVersion,
    at: failure.at,
    until: failure.until,
    count: failure.count,
    since: failure.since,
  };
}

export function fromFailureItem(item: v.InferOutput<typeof failureItem>): Failure {
  const {
    vendor_error: vendorError,
    vendor_status: vendorStatus,
    secret_version: secretVersion,
    ...rest
  } = item;
  return present({ ...rest, vendorError, vendorStatus, secretVersion });
}

export const forcedItem = v.object({ at: time, by: v.optional(v.string()) });

/** How long a failure, and the time of a forced mint, are kept after they have stopped to count, in milliseconds. */
export const REMEMBERED = 3_600_000;

/** DynamoDB's `ttl`, in seconds: a little after the last of these times, since readers check the time themselves. */
export function timeToLive(now: number, times: readonly (number | undefined)[]): number {
  const last = Math.max(now, ...times.filter((at) => at !== undefined));
  return Math.ceil((last + 300_000) / 1000);
}

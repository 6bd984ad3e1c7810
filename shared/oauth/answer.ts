import { VendorError } from '../contract/errors.ts';
import { isObject } from '../contract/json.ts';
import type { Answer } from './exchange.ts';
import { RETRY_AFTER_CAP } from './retry-after.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** What error codes are made of (invariant 9). RFC 6749 §5.2 allows more, and so prose, which may quote anything. */
const ERROR_CODE = /^[A-Za-z0-9_.-]{1,64}$/;

/** OAuth errors that say "later", whatever status carries them. */
const PASSING_ERRORS: readonly unknown[] = ['temporarily_unavailable', 'server_error'];

/** Statuses below 500 that say "later" (429 apart). */
const PASSING_STATUSES: readonly number[] = [408, 425];

/** The body as a JSON object, whatever its content type says; `undefined` when it is none. */
export function jsonObject(body: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What stands in `error` or `Error`; `undefined` for the ways of saying "none". */
export function errorMember(object: JsonObject | undefined): unknown {
  const error = object?.error || object?.Error;
  return error ? error : undefined;
}

/**
 * The JSON object of a 2xx answer that carries no `error`.
 * @throws VendorError for everything else
 */
export function successObject(answer: Answer): JsonObject {
  if (answer.status < 200 || answer.status > 299) throw failureOf(answer);
  const object = jsonObject(answer.body);
  if (object === undefined) throw nonsense(answer, 'with something that is not a JSON object');
  if (errorMember(object) !== undefined) throw failureOf(answer);
  return object;
}

/**
 * What an answer that is no success means (RFC 6749 §5.2, RFC 6585 §4, VENDORS' oddities).
 * Only a refusal and 429 are certain; after any other the vendor may have acted, so they are `ambiguous`.
 */
export function failureOf(answer: Answer): VendorError {
  const { host, status, retryAfter } = answer;
  if (status === 429) {
    const details = { retryAfter, vendorStatus: status };
    return new VendorError('vendor_unavailable', `${host} answered 429: too many requests.`, details);
  }
  if (status >= 300 && status < 400) {
    // A redirect stays for a while: the long delay keeps everybody from asking again at once.
    const details = { ambiguous: true, retryAfter: RETRY_AFTER_CAP, vendorStatus: status };
    return new VendorError(
      'vendor_unavailable',
      `${host} answered ${status}: redirects are not followed.`,
      details,
    );
  }
  const error = errorMember(jsonObject(answer.body));
  const passing = status >= 500 || status < 200 || PASSING_STATUSES.includes(status);
  if (passing || PASSING_ERRORS.includes(error)) {
    const details = { ambiguous: true, retryAfter, vendorStatus: status };
    return new VendorError('vendor_unavailable', `${host} answered ${status}.`, details);
  }
  return refusal(answer, error);
}

/** A 2xx answer that cannot be used. */
export function nonsense({ host, status }: Answer, what: string): VendorError {
  const details = { ambiguous: true, vendorStatus: status };
  return new VendorError('vendor_unavailable', `${host} answered ${status} ${what}.`, details);
}

function refusal(answer: Answer, error: unknown): VendorError {
  const { host, status } = answer;
  const shown = showableError(error);
  if (shown === undefined || answer.echoesSecret(shown)) {
    const text = `${host} refused without a readable error code (HTTP ${status}).`;
    return new VendorError('vendor_rejected', text, { vendorStatus: status });
  }
  const details = { vendorError: shown, vendorStatus: status };
  return new VendorError('vendor_rejected', `${host} refused: ${shown} (HTTP ${status}).`, details);
}

/** An `error` value that is shaped as the standard has it; `undefined` for anything else. */
export function showableError(error: unknown): string | undefined {
  return typeof error === 'string' && ERROR_CODE.test(error) ? error : undefined;
}

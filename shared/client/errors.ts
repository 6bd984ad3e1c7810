import { ERROR_CODES, type ErrorCode } from '../contract/errors.ts';

/** What can go wrong before the broker has decided anything, and whether asking again can help. */
const CLIENT_CODES = {
  /** IAM, API Gateway or Lambda refused the call. */
  not_authorized: { retryable: false },
  /** There are no AWS credentials, or they could not be read. */
  no_credentials: { retryable: false },
  /** No answer in time, or none that the broker would give: network, throttling, a failing gateway. */
  broker_unavailable: { retryable: true },
  /** `client.fetch` was told to send a token where the connection does not allow it. */
  host_not_allowed: { retryable: false },
} as const satisfies Record<string, { retryable: boolean }>;

/**
 * A code of the wire contract, or one of the client's own.
 * @example
 * ```ts
 * import type { TokenBrokerErrorCode } from 'token-broker';
 * const needsPerson: readonly TokenBrokerErrorCode[] = ['consent_required'];
 * ```
 */
export type TokenBrokerErrorCode = ErrorCode | keyof typeof CLIENT_CODES;

interface Details {
  readonly retryAfter?: number | undefined;
  readonly vendorError?: string | undefined;
}

/**
 * Every failure of this library but two: a wrong argument is a `TypeError`, and an aborted call rejects with its
 * signal's reason. It holds neither tokens nor credentials, and has no `cause`, because a cause might.
 * @example
 * ```ts
 * import { createTokenClient, TokenBrokerError } from 'token-broker';
 * const broker = createTokenClient({ functionName: 'token-broker-invoke' });
 * try {
 *   await broker.token('logs-portal');
 * } catch (error) {
 *   if (error instanceof TokenBrokerError && error.retryable) console.warn(error.code, error.retryAfter);
 *   else throw error;
 * }
 * ```
 */
export class TokenBrokerError extends Error {
  override readonly name = 'TokenBrokerError';
  readonly code: TokenBrokerErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Seconds to wait before asking again, where the broker said so. */
  readonly retryAfter: number | undefined;
  /** The vendor's own `error` code, where the vendor refused. */
  readonly vendorError: string | undefined;

  constructor(code: TokenBrokerErrorCode, message: string, { retryAfter, vendorError }: Details = {}) {
    super(message);
    this.code = code;
    this.retryable = { ...ERROR_CODES, ...CLIENT_CODES }[code].retryable;
    this.retryAfter = retryAfter;
    this.vendorError = vendorError;
  }
}

/** The broker's error answer as an error; `undefined` for anything else. */
export function errorOf(answer: unknown): TokenBrokerError | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const {
    error,
    error_description: description,
    retry_after,
    vendor_error,
  } = answer as Record<string, unknown>;
  if (typeof error !== 'string' || !Object.hasOwn(ERROR_CODES, error)) return undefined;
  return new TokenBrokerError(error as ErrorCode, typeof description === 'string' ? description : error, {
    retryAfter: typeof retry_after === 'number' ? retry_after : undefined,
    vendorError: typeof vendor_error === 'string' ? vendor_error : undefined,
  });
}

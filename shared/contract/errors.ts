/** Every error code of the wire contract, with its HTTP status and whether asking again can help. */
export const ERROR_CODES = {
  invalid_request: { status: 400, retryable: false },
  access_denied: { status: 403, retryable: false },
  unknown_connection: { status: 404, retryable: false },
  consent_required: { status: 409, retryable: false },
  vendor_rejected: { status: 502, retryable: false },
  vendor_unavailable: { status: 503, retryable: true },
  rate_limited: { status: 429, retryable: true },
  busy: { status: 503, retryable: true },
  secret_unavailable: { status: 500, retryable: false },
  store_unavailable: { status: 503, retryable: true },
  internal: { status: 500, retryable: false },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error answer as it travels: RFC 6749 §5.2's members, plus ours. */
export interface ErrorAnswer {
  error: ErrorCode;
  error_description: string;
  /** Whole seconds. */
  retry_after?: number;
  /** The vendor's own `error` code, never its body. */
  vendor_error?: string;
}

interface ErrorDetails {
  /** Seconds; rounded up on the wire. */
  retryAfter?: number | undefined;
  vendorError?: string | undefined;
}

/**
 * The one error that callers are meant to see. Its message is safe to show: it never holds a secret,
 * a token or a vendor's body, and it has no `cause`, because a cause can hold all three.
 */
export class BrokerError extends Error {
  override readonly name: string = 'BrokerError';
  readonly code: ErrorCode;
  readonly retryAfter: number | undefined;
  readonly vendorError: string | undefined;

  constructor(code: ErrorCode, description: string, details: ErrorDetails = {}) {
    super(description);
    this.code = code;
    this.retryAfter = details.retryAfter;
    this.vendorError = details.vendorError;
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  toJSON(): ErrorAnswer {
    return {
      error: this.code,
      error_description: this.message,
      ...(this.retryAfter !== undefined && { retry_after: Math.max(1, Math.ceil(this.retryAfter)) }),
      ...(this.vendorError !== undefined && { vendor_error: this.vendorError }),
    };
  }
}

/** What a vendor is asked for. */
export const VENDOR_STEPS = [
  'discovery',
  'mint',
  'refresh',
  'push',
  'code',
  'device',
  'revoke',
  'userinfo',
] as const;
export type VendorStep = (typeof VENDOR_STEPS)[number];

interface VendorErrorDetails extends ErrorDetails {
  ambiguous?: boolean;
  vendorStatus?: number | undefined;
  step?: VendorStep | undefined;
}

type VendorErrorCode = Extract<ErrorCode, 'vendor_unavailable' | 'vendor_rejected'>;

/**
 * A vendor did not give a usable answer (`vendor_unavailable`), or refused (`vendor_rejected`).
 * `ambiguous` says that the vendor may have acted on a request whose answer never arrived readable:
 * for a refresh token that means "spent or not, nobody knows" (the grant is in doubt).
 */
export class VendorError extends BrokerError {
  override readonly name = 'VendorError';
  declare readonly code: VendorErrorCode;
  readonly ambiguous: boolean;
  /** HTTP status of the vendor's answer; absent where there was none. */
  readonly vendorStatus: number | undefined;
  /** What the vendor was asked for; set by whoever asked. */
  step: VendorStep | undefined;

  constructor(code: VendorErrorCode, description: string, details: VendorErrorDetails = {}) {
    super(code, description, details);
    this.ambiguous = details.ambiguous ?? false;
    this.vendorStatus = details.vendorStatus;
    this.step = details.step;
  }
}

export function isAmbiguous(error: unknown): boolean {
  return error instanceof VendorError && error.ambiguous;
}

/** The error of a later try, when nobody knows what the vendor did of an earlier one. */
export function inDoubt(error: unknown): unknown {
  if (!(error instanceof VendorError)) return error;
  return new VendorError(error.code, error.message, { ...error, ambiguous: true });
}

/**
 * DynamoDB or Secrets Manager refused, throttled or stayed silent. Whether a write was applied is unknown.
 * A failing cache is a miss, a failing grant store is a stop (invariant 6): the catcher decides.
 */
export class StoreUnavailable extends BrokerError {
  override readonly name = 'StoreUnavailable';
  /** The store answers, but refuses for load: what one operation does not get, another may. */
  readonly throttled: boolean;
  /** The store refuses this very value, most likely for its size: it will not take it later either. */
  readonly invalid: boolean;

  constructor(description: string, { throttled = false, invalid = false } = {}) {
    super('store_unavailable', description, { retryAfter: 1 });
    this.throttled = throttled;
    this.invalid = invalid;
  }
}

/** A sealed value did not open. Never a miss, never overwritten: somebody must look. */
export class UnreadableValue extends BrokerError {
  override readonly name = 'UnreadableValue';

  constructor(description: string) {
    super('store_unavailable', description);
  }
}

/** How a command fails: what is wrong, what to do next, and the exit code that says it to scripts. */
import type { TokenBrokerError, TokenBrokerErrorCode } from '../../shared/client/errors.ts';

export const EXIT = {
  /** The command was understood and did not succeed; `doctor` found something. */
  failed: 1,
  /** The command line, an input or a connections file is wrong. */
  usage: 2,
  /** No credentials, or not allowed. */
  denied: 3,
  /** A person must consent first. */
  consent: 4,
  /** Asking again later may help. */
  temporary: 5,
  /** As shells have it: found but not executable, not found, Ctrl+C. */
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
} as const;
type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    it did not succeed (doctor: something needs attention)
  2    the command line, an input or a connections file is wrong
  3    no AWS credentials, or not allowed
  4    a person must consent first: token-broker connect
  5    temporary: asking again later may help
  130  interrupted
  exec ends as its command does, with 126 or 127 when that cannot be run.`;

/** A failure that the person at the terminal can act on. Its texts hold no secrets. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;
  /** What to do now, as a sentence or a command. */
  readonly next: string | undefined;
  /** Of the broker's error, where it is one. */
  readonly code: TokenBrokerErrorCode | undefined;

  constructor(exitCode: ExitCode, message: string, next?: string, code?: TokenBrokerErrorCode) {
    super(message);
    this.exitCode = exitCode;
    this.next = next;
    this.code = code;
  }

  toJSON(): object {
    const { code, message, next, exitCode: exit_code } = this;
    return { ...(code !== undefined && { code }), message, ...(next !== undefined && { next }), exit_code };
  }
}

export const usage = (message: string, next?: string) => new Failure(EXIT.usage, message, next);

const EXIT_BY_CODE: Partial<Record<TokenBrokerErrorCode, ExitCode>> = {
  invalid_request: EXIT.usage,
  host_not_allowed: EXIT.usage,
  access_denied: EXIT.denied,
  unknown_connection: EXIT.usage,
  not_authorized: EXIT.denied,
  no_credentials: EXIT.denied,
  consent_required: EXIT.consent,
};

/** An error of the broker as a failure of the command. */
export function failureOf(error: TokenBrokerError, connection?: string): Failure {
  const exitCode = EXIT_BY_CODE[error.code] ?? (error.retryable ? EXIT.temporary : EXIT.failed);
  const vendor = error.vendorError === undefined ? '' : ` The vendor said: ${error.vendorError}.`;
  return new Failure(exitCode, error.message + vendor, nextStep(error, connection), error.code);
}

/** What mends a failure; `consent_required` names its command itself. */
export function nextStep(
  { code, retryAfter }: Pick<TokenBrokerError, 'code' | 'retryAfter'>,
  connection = 'CONNECTION',
): string | undefined {
  switch (code) {
    case 'secret_unavailable':
      return `token-broker secret put ${connection}`;
    case 'vendor_rejected':
      return `token-broker doctor ${connection}`;
    case 'broker_unavailable':
      return 'Is it running, and is this its address? token-broker dev runs one here; --endpoint or --stack names another.';
    case 'vendor_unavailable':
    case 'rate_limited':
    case 'busy':
    case 'store_unavailable':
      return retryAfter === undefined ? 'Try again in a while.' : `Try again in ${Math.ceil(retryAfter)} s.`;
    case 'internal':
      return 'Look for the request id in the logs of the token broker.';
    default:
      return undefined;
  }
}

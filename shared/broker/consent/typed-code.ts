/** A code that the vendor showed on screen (out-of-band), brought by a caller or typed into the consent's page. */
import { BrokerError, VendorError } from '../../contract/errors.ts';
import type { Redacted } from '../../contract/redacted.ts';
import { authorizationCodeParameters } from '../../oauth/authorization.ts';
import type { CodeConsent, Stored } from '../ports.ts';
import type { Found, Span } from '../request.ts';
import type { PendingConsents } from './pending.ts';

/** Codes that a consent takes: a person mistypes a few, and nobody guesses one. */
const MOST_CODES = 5;

/**
 * Redeems it; `false` when another request is at it.
 * @throws BrokerError what the vendor or a store failed with; whether another may be typed, the consent itself says
 */
export type RedeemTyped = (
  handle: string,
  pending: Stored<CodeConsent>,
  code: Redacted,
  where: Found & Pick<Span, 'endsAt'>,
) => Promise<boolean>;

export function typedCodeRedeemer(pendings: PendingConsents): RedeemTyped {
  return async (handle, pending, code, { endsAt, ...found }) => {
    const claim = await pendings.claim(handle, pending, { endsAt });
    if (!claim) return false;
    const parameters = codeParameters(pending, code);
    await pendings.redeem(claim, { ...found, parameters, afterFailure: afterTypedCode(pending) });
    return true;
  };
}

export function codeParameters(
  { redirectUri, codeVerifier }: CodeConsent,
  code: Redacted,
): Record<string, string> {
  return authorizationCodeParameters({ code, redirectUri, codeVerifier });
}

/**
 * Nobody has taken a code that the vendor refused, or that was not sent: a person may have mistyped it, and types it
 * again. What may have been redeemed is not sent again: that could end the very grant that it gave (RFC 6749 §4.1.2).
 */
function afterTypedCode(pending: CodeConsent) {
  return (error: unknown): CodeConsent | 'failed' => {
    if (error instanceof BrokerError && error.code === 'secret_unavailable') return pending;
    if (!(error instanceof VendorError) || error.ambiguous) return 'failed';
    const wrongCodes = (pending.wrongCodes ?? 0) + 1;
    return wrongCodes < MOST_CODES ? { ...pending, wrongCodes } : 'failed';
  };
}

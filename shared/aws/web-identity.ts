/** Tokens by which AWS vouches for the role that the broker runs in (STS API Reference, "GetWebIdentityToken"). */
import type { Secrets } from '../broker/ports.ts';
import { WEB_IDENTITY_LIFE } from '../connections/connection.ts';
import { BrokerError } from '../contract/errors.ts';
import type { SecretsManager } from './clients.ts';
import { signedCall, UNAVAILABLE } from './signed-call.ts';

export function webIdentityTokens(manager: SecretsManager): Secrets['vouch'] {
  return async ({ audience, algorithm }, budget) => {
    const input = new URLSearchParams({
      Action: 'GetWebIdentityToken',
      Version: '2011-06-15',
      'Audience.member.1': audience,
      SigningAlgorithm: algorithm,
      DurationSeconds: String(WEB_IDENTITY_LIFE),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await signedCall(manager, { service: 'sts', headers, body: String(input) }, budget);
    if ('refusal' in answer) throw unavailable(answer.refusal);
    const token = TOKEN.exec(answer.body)?.[1];
    if (token === undefined) throw unavailable(UNAVAILABLE);
    return token;
  };
}

/** Of the answer in XML; a JWT has no character that XML escapes. */
const TOKEN = /<WebIdentityToken>([\w.-]{1,20000})<\/WebIdentityToken>/;

function unavailable(refusal: string): BrokerError {
  const retryAfter = PASSING.includes(refusal) ? { retryAfter: 5 } : {};
  const why = EXPLANATIONS[refusal] ?? `STS says ${refusal}.`;
  return new BrokerError('secret_unavailable', `AWS does not vouch for the broker: ${why}`, retryAfter);
}

/** A token outlives no session, and the role's next one is a matter of moments. */
const PASSING = [UNAVAILABLE, 'SessionDurationEscalationException'];

/** By STS's names; all but `PASSING` stay so until somebody acts. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  OutboundWebIdentityFederationDisabledException:
    'outbound identity federation is off in this account. Turn it on: `aws iam enable-outbound-web-identity-federation`.',
  AccessDenied:
    'its role may not have such a token. Deploy the connection, whose stack allows sts:GetWebIdentityToken for this audience, and see that no policy of the organization forbids it.',
  SessionDurationEscalationException: "the role's session ends sooner than the token would.",
  [UNAVAILABLE]: 'STS did not answer in time.',
};

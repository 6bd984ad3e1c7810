/**
 * What callers get, as schemas: for the OpenAPI document and for tests. The broker itself builds its answers by the types
 * of `messages.ts`, which the compiler holds these to.
 */
import * as v from 'valibot';
import { ERROR_CODES, type ErrorAnswer, type ErrorCode, VENDOR_STEPS } from './errors.ts';
import {
  type ConnectionAnswer,
  type ConsentAnswer,
  type ConsentStatusAnswer,
  GRANT_STATES,
  type GrantAnswer,
  type GrantListAnswer,
  type RevokeAnswer,
  type TokenAnswer,
} from './messages.ts';

/** A schema for each member of a message, and those optional that may be missing. */
type MembersOf<Message> = {
  [Name in keyof Message]-?: object extends Pick<Message, Name>
    ? v.ExactOptionalSchema<v.GenericSchema<NonNullable<Message[Name]>>, undefined>
    : v.GenericSchema<Message[Name]>;
};

const message = <Message>(members: MembersOf<Message>) => v.object(members);

const maybe = v.exactOptional;
const text = v.string();
const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const seconds = count;
const described = <Output>(schema: v.GenericSchema<Output>, description: string) =>
  v.pipe(schema, v.description(description));

export const lastFailure = v.object({
  error: described(text, 'A code of the broker.'),
  step: maybe(described(v.picklist(VENDOR_STEPS), 'What the vendor was asked for.')),
  http_status: maybe(described(count, 'Of the answer of the vendor.')),
  vendor_error: maybe(text),
  at: time,
});

export const tokenAnswer = message<TokenAnswer>({
  access_token: text,
  token_type: described(text, '`Bearer`: what a caller puts before the token.'),
  expires_in: described(seconds, 'Seconds from now.'),
  scope: maybe(text),
  expires_at: time,
  minted_at: time,
  source: v.picklist(['memory', 'table', 'vendor']),
  warning: maybe(described(text, 'Why this token is less than was asked for.')),
});

type DeviceConsentAnswer = Extract<ConsentAnswer, { user_code: string }>;
const startedConsent = {
  consent: described(text, 'What the consent is asked about by.'),
  consent_url: described(text, 'The page that leads a person through it.'),
  expires_in: described(seconds, 'Seconds from now.'),
};
export const consentAnswer = v.union([
  message<DeviceConsentAnswer>({
    ...startedConsent,
    user_code: text,
    verification_uri: text,
    verification_uri_complete: maybe(text),
    interval: described(seconds, 'Seconds to wait between two polls.'),
  }),
  message<Exclude<ConsentAnswer, DeviceConsentAnswer>>(startedConsent),
]);

export const consentStatusAnswer = message<ConsentStatusAnswer>({
  status: v.picklist(['pending', 'granted', 'denied', 'expired']),
  interval: maybe(described(seconds, 'Seconds to wait before polling again, while pending.')),
  error_description: maybe(described(text, 'What went wrong, where something other than a no did.')),
});

const refresh_token_expires_at = maybe(
  described(time, 'When the refresh token ends of itself, where that is known.'),
);
const expiring = maybe(described(v.literal(true), 'Somebody should consent again before that.'));

export const grantAnswer = message<GrantAnswer>({
  subject: text,
  grant_status: v.picklist(GRANT_STATES),
  scope: maybe(described(text, 'As consented to.')),
  expires_at: maybe(described(time, 'Of the current token.')),
  last_refresh_at: maybe(time),
  refresh_token_expires_at,
  expiring,
  consented_at: time,
  consented_by: described(text, 'ARN of the principal that began the consent.'),
  last_failure: maybe(lastFailure),
});

export const grantListAnswer = message<GrantListAnswer>({
  grants: v.array(grantAnswer),
  cursor: maybe(described(text, 'There is more: this asks for it.')),
});

export const revokeAnswer = message<RevokeAnswer>({
  status: v.picklist(['revoked', 'none']),
  vendor: maybe(
    described(v.picklist(['revoked', 'not_supported', 'failed']), 'Whether the vendor ended its part.'),
  ),
});

export const connectionAnswer = message<ConnectionAnswer>({
  connection: text,
  vendor: text,
  grant_type: text,
  client_auth: maybe(
    described(
      v.literal('aws_web_identity'),
      'Where no secret is stored: how the broker proves itself without one.',
    ),
  ),
  scope: maybe(text),
  scopes: v.array(text),
  api_hosts: described(v.array(text), 'Where its tokens may be sent.'),
  rejection_statuses: described(v.array(count), 'Statuses by which the API of the vendor refuses a token.'),
  owner: maybe(text),
  tags: maybe(v.record(text, text)),
  subject: maybe(text),
  grant_status: maybe(v.picklist([...GRANT_STATES, 'none'])),
  expires_at: maybe(time),
  last_refresh: maybe(time),
  refresh_token_expires_at,
  expiring,
  last_failure: maybe(lastFailure),
  grants: maybe(
    described(
      v.object({ active: count, in_doubt: count, consent_required: count, revoked: count }),
      'Without `subject`: how many there are in each state.',
    ),
  ),
  grants_expiring: maybe(described(count, 'Active ones that somebody should renew by a consent.')),
  grants_truncated: maybe(
    described(v.literal(true), 'There are more than were counted, which are the first 1,000.'),
  ),
});

export const connectionListAnswer = v.object({
  connections: v.array(
    v.union([
      connectionAnswer,
      // One that could not be looked at.
      v.object({ connection: text, last_failure: lastFailure }),
    ]),
  ),
});

export const userinfoAnswer = described(v.record(text, v.unknown()), 'What the vendor tells of the owner.');

export const errorAnswer = message<ErrorAnswer>({
  error: v.picklist(Object.keys(ERROR_CODES) as ErrorCode[]),
  error_description: described(text, 'Safe to show: it holds no secret.'),
  retry_after: maybe(described(seconds, 'Seconds to wait before asking again.')),
  vendor_error: maybe(described(text, 'The error code of the vendor.')),
});

export const jwkSetAnswer = v.object({
  keys: v.array(
    described(
      v.object({
        kty: v.picklist(['RSA', 'EC', 'OKP']),
        use: v.literal('sig'),
        kid: text,
        alg: maybe(described(text, 'Where the key signs by just one algorithm.')),
        n: maybe(text),
        e: maybe(text),
        crv: maybe(text),
        x: maybe(text),
        y: maybe(text),
      }),
      'Public members alone (RFC 7518 §6, RFC 8037 §2).',
    ),
  ),
});

/** What API Gateway says by itself, before or instead of the broker. */
export const gatewayAnswer = v.object({
  message: text,
  reason: maybe(described(text, 'Why; from the broker on one machine only.')),
});

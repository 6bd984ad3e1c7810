/**
 * Checks what callers send. Every error is `invalid_request`, names each wrong member and what is allowed
 * there, and never repeats a value: `code` and `rejected` are not the only ones that may be secret.
 */

import * as v from 'valibot';
import { BrokerError } from './errors.ts';
import { isObject } from './json.ts';
import { type ConsentRequestBody, MAX_MIN_TTL, SUBJECT, type TokenRequestBody } from './messages.ts';
import { present } from './present.ts';
import { Redacted } from './redacted.ts';
import { SCOPE, scopeTokens } from './scope.ts';
import { didYouMean } from './suggest.ts';

/** Body of `POST /connections/{connection}/consent/{consent}`: an out-of-band code, or nothing to poll once. */
interface ConsentCompletionBody {
  readonly code?: Redacted;
}

const text = (allowed: string, pattern: RegExp) => v.pipe(v.string(allowed), v.regex(pattern, allowed));

export const subject = text(
  'must be a string of 1-256 characters without "/" and control characters',
  SUBJECT,
);

const SCOPE_FORM = 'must be scope tokens with one space between two (RFC 6749 §3.3), 4096 characters at most';
const scope = v.pipe(v.string(SCOPE_FORM), v.maxLength(4096, SCOPE_FORM), v.regex(SCOPE, SCOPE_FORM));

export const MOST_PARAMS = 20;
export const PARAM_NAME = /^(?!(?:__proto__|constructor|prototype)$)[\w.-]{1,64}$/;
const PARAMS_FORM = `must be an object of at most ${MOST_PARAMS} strings, with names of 1-64 of A-Z a-z 0-9 _ . - and no others`;
export const params = v.pipe(
  // valibot takes arrays for objects, and drops the names that pollute prototypes without a word.
  v.custom<Record<string, unknown>>(
    (value) =>
      isObject(value) &&
      Object.keys(value).length <= MOST_PARAMS &&
      Object.keys(value).every((name) => PARAM_NAME.test(name)),
    PARAMS_FORM,
  ),
  v.record(
    v.string(),
    text('must be a string of 1-2048 characters without control characters', /^[^\p{Cc}\p{Cs}]{1,2048}$/u),
  ),
);

const MIN_TTL_FORM = `must be a whole number of seconds from 0 to ${MAX_MIN_TTL}`;

export const tokenRequest = v.strictObject({
  subject: v.optional(subject),
  scope: v.optional(scope),
  params: v.optional(params),
  min_ttl: v.optional(
    v.pipe(
      v.number(MIN_TTL_FORM),
      v.integer(MIN_TTL_FORM),
      v.minValue(0, MIN_TTL_FORM),
      v.maxValue(MAX_MIN_TTL, MIN_TTL_FORM),
    ),
  ),
  rejected: v.optional(
    text(
      "must be the refused token's fingerprint: its SHA-256 in unpadded base64url, 43 characters; never the token itself",
      /^[A-Za-z0-9_-]{43}$/,
    ),
  ),
});

export const consentRequest = v.strictObject({
  subject: v.optional(subject),
  replace: v.optional(v.boolean('must be true or false')),
  return_to: v.optional(text('must be a URL of at most 2048 characters', /^[!-~]{1,2048}$/)),
});

/** RFC 6749 §A.11: a code is visible ASCII and spaces. */
export const consentCompletion = v.strictObject({
  code: v.optional(
    text('must be the code that the vendor showed, 1-4096 printable characters', /^[ -~]{1,4096}$/),
  ),
});

/**
 * Body of the token route, event of a direct invoke. `scope` comes back without repeats, sorted by code unit.
 * @throws BrokerError `invalid_request`
 */
export function parseTokenRequest(value: unknown): TokenRequestBody {
  const body = present(parse(tokenRequest, value));
  return body.scope === undefined ? body : { ...body, scope: scopeTokens(body.scope).join(' ') };
}

/** Body of `POST /connections/{connection}/consent`. @throws BrokerError `invalid_request` */
export function parseConsentRequest(value: unknown): ConsentRequestBody {
  return present(parse(consentRequest, value));
}

/** @throws BrokerError `invalid_request` */
export function parseConsentCompletion(value: unknown): ConsentCompletionBody {
  const { code } = parse(consentCompletion, value);
  return code === undefined ? {} : { code: new Redacted(code) };
}

/** A subject from a path or a query, decoded already. @throws BrokerError `invalid_request` */
export function parseSubject(value: unknown): string {
  const result = v.safeParse(subject, value);
  if (!result.success) throw new BrokerError('invalid_request', `subject: ${result.issues[0].message}.`);
  return result.output;
}

type BodySchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

function parse<T extends BodySchema>(schema: T, value: unknown): v.InferOutput<T> {
  if (!isObject(value)) throw new BrokerError('invalid_request', 'The body must be a JSON object.');
  const known = Object.keys(schema.entries);
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  const problems = [
    ...(unknown.length > 0 ? [unknownMembers(unknown, known)] : []),
    // valibot stops at the first unknown member.
    ...(result.issues ?? []).filter(({ expected }) => expected !== 'never').map(problem),
  ];
  if (!result.success) throw new BrokerError('invalid_request', problems.join(' '));
  return result.output;
}

function problem({ path, message }: v.BaseIssue<unknown>): string {
  return `${(path ?? []).map(({ key }) => key).join('.')}: ${message}.`;
}

function unknownMembers(unknown: readonly string[], known: readonly string[]): string {
  const shown = unknown
    .slice(0, 5)
    .map((name) => JSON.stringify(name.slice(0, 64)) + didYouMean(name, known));
  const more = unknown.length > shown.length ? ` and ${unknown.length - shown.length} more` : '';
  return `Unknown: ${shown.join(', ')}${more}. Allowed: ${known.join(', ')}.`;
}

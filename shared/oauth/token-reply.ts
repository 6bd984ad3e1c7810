import { VendorError } from '../contract/errors.ts';
import { Redacted } from '../contract/redacted.ts';
import { errorMember, failureOf, type JsonObject, jsonObject, nonsense } from './answer.ts';
import type { Answer } from './exchange.ts';
import { readSeconds } from './seconds.ts';
import { fingerprint, type Token } from './token.ts';
import type { Dialect, TokenReply } from './types.ts';

/** The longest life that a token is credited with, in seconds (invariant 13). */
const LIFETIME_CAP = 86_400;

/** Of a refresh token, in seconds: what lives for more than ten years has no end that matters, or an odd one. */
const LONGEST_REFRESH_TOKEN = 315_360_000;

/** RFC 6750 §6.1.1. Whatever a vendor's spelling (RFC 6749 §5.1: case-insensitive), callers get this one. */
const BEARER = 'Bearer';

/** A name that is fit to be shown, as those in IANA's registry of token types are. */
const TYPE_NAME = /^[A-Za-z_]{1,16}$/;

/** Visible ASCII: anything else could break out of the `Authorization` header that it is put into. */
const HEADER_SAFE = /^[\x21-\x7E]+$/;

/**
 * A token endpoint's answer as a reply, if there is anything in it to keep. Its refresh token is taken out
 * first and judged by nothing but being there, so that no oddity beside it can lose it (invariant 3). No RFC has a member
 * for its life: `refresh_token_expires_in` is GitHub's and others', `refresh_expires_in` Keycloak's, whose 0 is "never".
 * @throws VendorError when the answer is a failure, or holds neither an access nor a refresh token
 */
export function readTokenReply(answer: Answer, dialect: Dialect): TokenReply {
  const object = answer.status >= 200 && answer.status <= 299 ? jsonObject(answer.body) : undefined;
  if (object === undefined) throw notAnObject(answer);
  const members = dialect.adapt?.(object) ?? object;
  const refreshToken = nonEmptyString(members.refresh_token);
  if (refreshToken === undefined && nonEmptyString(members.access_token) === undefined) {
    throw errorMember(members) === undefined
      ? nonsense(answer, 'without an access token')
      : failureOf(answer);
  }
  const life = readSeconds(members.refresh_token_expires_in ?? members.refresh_expires_in);
  const ends = life !== undefined && life <= LONGEST_REFRESH_TOKEN;
  return {
    sentAt: answer.sentAt,
    ...(ends && { refreshTokenEndsAt: answer.sentAt + Math.floor(life * 1000) }),
    refreshToken: refreshToken === undefined ? undefined : new Redacted(refreshToken),
    token: () => readToken(answer, members, dialect),
  };
}

function notAnObject(answer: Answer): VendorError {
  return answer.status >= 200 && answer.status <= 299
    ? nonsense(answer, 'with something that is not a JSON object')
    : failureOf(answer);
}

function readToken(answer: Answer, members: JsonObject, dialect: Dialect): Token {
  const { sentAt, host } = answer;
  if (errorMember(members) !== undefined) throw failureOf(answer);
  const value = members.access_token;
  if (typeof value !== 'string' || !HEADER_SAFE.test(value)) {
    throw unusable(host, 'access_token must be a string of visible ASCII characters');
  }
  const tokenType = members.token_type || BEARER;
  if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== BEARER.toLowerCase()) {
    throw noBearerToken(host, tokenType);
  }
  const accessToken = new Redacted(value);
  const lifetime = readSeconds(members.expires_in) ?? dialect.defaultLifetime;
  return {
    accessToken,
    tokenType: BEARER,
    ...(typeof members.scope === 'string' ? { scope: members.scope } : {}),
    expiresAt: sentAt + Math.floor(Math.min(lifetime, LIFETIME_CAP) * 1000),
    mintedAt: sentAt,
    fingerprint: fingerprint(accessToken),
  };
}

function nonEmptyString(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Definitive: another try would bring another such token. */
function noBearerToken(host: string, type: unknown): VendorError {
  const named = typeof type === 'string' && TYPE_NAME.test(type) ? `of type ${type}` : 'of an odd type';
  return new VendorError(
    'vendor_rejected',
    `${host} answered with a token ${named}: only Bearer tokens can be handed on.`,
  );
}

function unusable(host: string, why: string): VendorError {
  return new VendorError('vendor_unavailable', `${host} answered with an unusable token: ${why}.`);
}

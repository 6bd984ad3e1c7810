import type { AssertionAudience, ClientAuthMethod } from '../connections/connection.ts';
import type { Redacted } from '../contract/redacted.ts';
import type { Budget } from './exchange.ts';
import type { SigningKeys } from './private-key.ts';
import type { Token } from './token.ts';

/** Where an authorization server does what (RFC 8414 names). All absolute URLs. */
export interface Endpoints {
  /** Present when found by discovery; compared with `iss` (RFC 9207). */
  readonly issuer?: string;
  readonly tokenEndpoint: string;
  readonly authorizationEndpoint?: string;
  readonly deviceAuthorizationEndpoint?: string;
  /** RFC 9126. Present where authorization requests are to be pushed. */
  readonly pushedAuthorizationRequestEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly userinfoEndpoint?: string;
  /** JWS algorithms that the server takes for client assertions; absent: it does not say. */
  readonly assertionAlgorithms?: readonly string[];
  /** RFC 9207: the server announces that it adds `iss` to its authorization responses. */
  readonly issInResponse?: boolean;
}

/** A client as its secret describes it. */
export interface Client {
  readonly clientId: string;
  readonly clientSecret?: Redacted;
  readonly signingKeys?: SigningKeys;
  /** `kid` of the assertion's header. */
  readonly keyId?: string;
  /** AWS's word for the broker, in place of a key: a JWT for one use. @throws BrokerError `secret_unavailable` */
  readonly identityToken?: (budget: Budget) => Promise<string>;
  /** SHA-256 of the key's certificate, base64url: `x5t#S256` of the assertion's header. */
  readonly certificateThumbprint?: string;
}

export type BodyEncoding = 'form' | 'multipart' | 'json';

/** How a vendor's token endpoint differs from RFC 6749. */
export interface Dialect {
  readonly encoding: BodyEncoding;
  /** Life of a token, in seconds, when the answer does not say it readably. */
  readonly defaultLifetime: number;
  /** Sent with every token request, beside what the grant needs. */
  readonly tokenParams?: Readonly<Record<string, string | readonly string[]>>;
  /** Between scope tokens; absent: a space. */
  readonly scopeSeparator?: string;
  /** `aud` of client assertions; `endpoint`: the one that is called. Absent: the token endpoint. */
  readonly assertionAudience?: AssertionAudience;
  /** Of assertions that are a grant, beside or in place of those that the broker makes. */
  readonly assertionClaims?: Readonly<Record<string, string>>;
  /** Sent with every request to the token endpoint. */
  readonly headers?: Readonly<Record<string, string>>;
  /** JWS algorithms that the vendor takes for client assertions, where no metadata says so. */
  readonly assertionAlgorithms?: readonly string[];
  /** Makes the vendor's answer an RFC 6749 §5.1 one, e.g. Bits' `type` to `token_type`. */
  adapt?(answer: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** One request to a token endpoint. */
export interface TokenCall {
  readonly endpoints: Endpoints;
  readonly client: Client;
  readonly clientAuth: ClientAuthMethod;
  readonly dialect: Dialect;
  /** `grant_type` and all that belongs to it, for each attempt anew; client authentication is added. */
  readonly parameters: Readonly<Record<string, string>> | (() => Promise<Readonly<Record<string, string>>>);
  /**
   * When a failed exchange is repeated inside the budget: `idempotent` after anything that may pass
   * (network, time-out, 429, 5xx, nonsense); `unsent` only when nothing was sent or the answer was 429,
   * because a refresh token or a code must not be spent twice by us (invariant 4).
   */
  readonly resend: 'idempotent' | 'unsent';
  readonly budget: Budget;
}

/** A parseable 2xx answer. Its refresh token is there to be stored before the rest is judged (invariant 3). */
export interface TokenReply {
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  /** A non-empty string `refresh_token`; absent, empty, null and odd ones are `undefined`. */
  readonly refreshToken: Redacted | undefined;
  /** When the server says that its refresh token ends, unless it is used before; milliseconds since the epoch. */
  readonly refreshTokenEndsAt?: number;
  /** Judges the rest. @throws VendorError when there is no usable access token in it */
  token(): Token;
}

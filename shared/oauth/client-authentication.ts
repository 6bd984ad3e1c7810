import { randomUUID } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import type { ClientAuthMethod } from '../connections/connection.ts';
import { BrokerError } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
import type { Budget } from './exchange.ts';
import { signJwt } from './jwt.ts';
import type { Client } from './types.ts';

/** Life of a client assertion, in seconds; Bugfender takes two minutes at most. */
export const ASSERTION_LIFE = 60;

export interface Assertions {
  /** `aud` (RFC 7523 §3). */
  readonly audience: string;
  /** JWS algorithms that the server takes; absent: it does not say. */
  readonly algorithms?: readonly string[];
  readonly budget: Budget;
}

/**
 * How the client proves itself, as a value that oauth4webapi applies to each request anew: every attempt
 * gets an assertion with a `jti` of its own.
 * @throws BrokerError `secret_unavailable` when the secret has nothing that the method, or the server, takes
 */
export function clientAuthentication(
  client: Client,
  method: ClientAuthMethod,
  assertions: Assertions,
): oauth.ClientAuth {
  switch (method) {
    case 'client_secret_post':
      return oauth.ClientSecretPost(secretOf(client));
    case 'client_secret_basic':
      return basic(formEncode(client.clientId), formEncode(secretOf(client)));
    case 'client_secret_basic_raw':
      return basic(client.clientId, secretOf(client));
    case 'private_key_jwt':
      return privateKeyJwt(client, assertions);
    case 'client_secret_jwt':
      return oauth.ClientSecretJwt(secretOf(client), {
        [oauth.modifyAssertion]: (header, claims) => complete(header, claims, assertions),
      });
    case 'aws_web_identity':
      return webIdentity(client, assertions);
    case 'none':
      // The assertion that is its grant says who the client is (RFC 7521 §4.1).
      return client.signingKeys ? () => undefined : oauth.None();
  }
}

/** oauth4webapi asks for a key that is here; RFC 7523 §2.2 is three parameters. */
function privateKeyJwt(client: Client, assertions: Assertions): oauth.ClientAuth {
  return async (_server, _client, body) => {
    const { clientId } = client;
    const claims = { jti: randomUUID(), iss: clientId, sub: clientId };
    showAssertion(body, clientId, await signAssertion(client, assertions, claims));
  };
}

/** AWS's token has its own issuer and subject, by which the server knows the client; one that is the grant is not repeated. */
function webIdentity(client: Client, { budget }: Assertions): oauth.ClientAuth {
  return async (_server, _client, body) => {
    if (body.has('assertion') || body.has('subject_token')) body.set('client_id', client.clientId);
    else showAssertion(body, client.clientId, await identityToken(client, budget));
  };
}

function showAssertion(body: URLSearchParams, clientId: string, assertion: string): void {
  body.set('client_id', clientId);
  body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  body.set('client_assertion', assertion);
}

/** @throws BrokerError `secret_unavailable` */
export function identityToken(client: Client, budget: Budget): Promise<string> {
  if (client.identityToken === undefined) throw missing("word of AWS's");
  return client.identityToken(budget);
}

/**
 * A JWT by the client's key, good for `ASSERTION_LIFE` and for this audience alone.
 * @throws BrokerError `secret_unavailable` when the key is missing, does not sign, or signs by nothing that the server takes
 */
export function signAssertion(
  client: Client,
  assertions: Assertions,
  claims: Readonly<Record<string, string>>,
): Promise<string> {
  const [alg, key] = signingKey(client, assertions.algorithms);
  const { keyId, certificateThumbprint } = client;
  const header = present({ alg, kid: keyId, 'x5t#S256': certificateThumbprint });
  const common: Members = {};
  complete(header, common, assertions);
  return signJwt(header, { ...common, ...claims }, key, assertions.budget);
}

/** The key's own algorithm, or the first of its algorithms that the server takes. */
function signingKey({ signingKeys }: Client, algorithms: Assertions['algorithms']) {
  if (signingKeys === undefined) throw missing('private key');
  const all = [...signingKeys];
  const found = algorithms ? all.find(([algorithm]) => algorithms.includes(algorithm)) : all[0];
  if (found) return found;
  throw new BrokerError(
    'secret_unavailable',
    `The client's key signs by ${[...signingKeys.keys()].join(' or ')}, and the server takes none of these: it takes ${algorithms?.slice(0, 10).join(', ')}.`,
  );
}

type Members = Record<string, oauth.JsonValue | undefined>;

function complete(header: Members, claims: Members, { audience, budget }: Assertions): void {
  // RFC 8725 §3.11: so that it is taken for nothing else.
  header.typ = 'JWT';
  claims.aud = audience;
  const now = Math.floor(budget.clock.now() / 1000);
  claims.iat = now;
  claims.exp = now + ASSERTION_LIFE;
  // Bugfender wants `nbf`, if there is one, in the future: an assertion that is not valid yet.
  delete claims.nbf;
}

function basic(user: string, password: string): oauth.ClientAuth {
  const credentials = Buffer.from(`${user}:${password}`, 'utf8').toString('base64');
  return (_server, _client, _body, headers) => headers.set('authorization', `Basic ${credentials}`);
}

/**
 * RFC 6749 §2.3.1 by way of the WHATWG serializer, which leaves `-` `.` `_` as they are. oauth4webapi's own
 * encodes them as well: right, too, but servers that forget to decode then fail for every UUID.
 */
function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function secretOf(client: Client): string {
  if (client.clientSecret === undefined) throw missing('client secret');
  return client.clientSecret.reveal();
}

function missing(what: string): BrokerError {
  return new BrokerError('secret_unavailable', `The client has no ${what}, which its authentication needs.`);
}

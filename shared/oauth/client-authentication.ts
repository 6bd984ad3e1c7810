import * as oauth from 'oauth4webapi';
import type { ClientAuthMethod } from '../connections/connection.ts';
import { BrokerError } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
import type { Clock } from './clock.ts';
import type { Client } from './types.ts';

/** Life of a client assertion, in seconds; Bugfender takes two minutes at most. */
const ASSERTION_LIFE = 60;

/**
 * How the client proves itself, as a value that oauth4webapi applies to each request anew: every attempt
 * gets an assertion with a `jti` of its own.
 * @param audience the token endpoint's URL (RFC 7523 §3)
 */
export function clientAuthentication(
  client: Client,
  method: ClientAuthMethod,
  audience: string,
  clock: Clock,
): oauth.ClientAuth {
  switch (method) {
    case 'client_secret_post':
      return oauth.ClientSecretPost(secretOf(client));
    case 'client_secret_basic':
      return basic(formEncode(client.clientId), formEncode(secretOf(client)));
    case 'client_secret_basic_raw':
      return basic(client.clientId, secretOf(client));
    case 'private_key_jwt':
      return assertion(client, audience, clock);
    case 'none':
      return oauth.None();
  }
}

function assertion(client: Client, audience: string, clock: Clock): oauth.ClientAuth {
  if (client.privateKey === undefined) throw missing('private key');
  const key = { key: client.privateKey, ...present({ kid: client.keyId }) };
  return oauth.PrivateKeyJwt(key, {
    [oauth.modifyAssertion]: (header, claims) => {
      // RFC 8725 §3.11: so that it is taken for nothing else.
      header.typ = 'JWT';
      claims.aud = audience;
      claims.iat = Math.floor(clock.now() / 1000);
      claims.exp = claims.iat + ASSERTION_LIFE;
      // Bugfender wants `nbf`, if there is one, in the future: an assertion that is not valid yet.
      delete claims.nbf;
    },
  });
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

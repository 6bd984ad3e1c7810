import { badClient } from './body-client.ts';
import { BoundedMap } from './bounded-map.ts';

const LONGEST_LIFETIME_S = 120;

/** A client assertion (RFC 7523 §3) by which a service account proves itself. */
interface AssertionExpectations {
  readonly clientId: string;
  readonly tokenUrl: string;
  /** SPKI PEM. */
  readonly publicKey: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Remembers the `jti` of every assertion that it accepted, so that none is accepted twice. */
export class AssertionChecker {
  readonly #seen = new BoundedMap<string, true>();

  /** @throws Refusal `invalid_client` that says which rule was broken */
  async check(assertion: string, expected: AssertionExpectations): Promise<void> {
    const claims = await verified(assertion, expected.publicKey);
    for (const [broken, reason] of brokenRules(claims, expected)) {
      if (broken) throw badClient(`client_assertion: ${reason}.`);
    }
    const id = `${expected.clientId} ${claims.jti}`;
    if (this.#seen.has(id)) throw badClient('client_assertion: jti has been used already.');
    this.#seen.set(id, true);
  }
}

async function verified(assertion: string, publicKey: string): Promise<Record<string, unknown>> {
  // When there is one: nobody's start has to wait for it.
  const { compactVerify, importSPKI } = await import('jose');
  try {
    const key = await importSPKI(publicKey, 'RS256');
    const { payload } = await compactVerify(assertion, key, { algorithms: ['RS256'] });
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    throw badClient("client_assertion: not a JWT signed by this client's key with RS256.");
  }
}

function* brokenRules(
  { iss, sub, aud, iat, nbf, exp, jti }: Record<string, unknown>,
  { clientId, tokenUrl, now }: AssertionExpectations,
): Generator<[boolean, string]> {
  const seconds = now / 1000;
  yield [iss !== clientId || sub !== clientId, 'iss and sub must both be the client id'];
  yield [aud !== tokenUrl, `aud must be ${tokenUrl}`];
  if (typeof iat !== 'number' || typeof exp !== 'number') return yield [true, 'iat and exp must be numbers'];
  // Ten seconds: clocks differ.
  yield [iat > seconds + 10, 'iat is in the future'];
  yield [exp <= seconds, 'expired'];
  yield [
    exp - Math.min(iat, seconds) > LONGEST_LIFETIME_S,
    `lives longer than ${LONGEST_LIFETIME_S} seconds`,
  ];
  // The vendor's page says so, odd as it is.
  yield [nbf !== undefined && !(Number(nbf) > seconds), 'nbf, if provided, must be in the future'];
  yield [typeof jti !== 'string' || jti === '', 'jti is missing'];
}

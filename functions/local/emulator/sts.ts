/**
 * A stand-in for STS with an issuer of its own: signed tokens of whoever asks, and the two documents by which a server on
 * this machine verifies them (STS API Reference, "GetWebIdentityToken"; OpenID Connect Discovery §4). Keys last as long as
 * the process: what is signed lives for minutes.
 */
import { generateKeyPair, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { WEB_IDENTITY_ALGORITHMS } from '../../../shared/connections/connection.ts';
import { type Answer, jsonAnswer, type Received } from '../http.ts';
import { identityOf, LOCAL_ACCOUNT } from '../identities.ts';
import type { AwsService } from './endpoint.ts';
import { AwsError, xmlAnswer } from './errors.ts';

const VERSION = '2011-06-15';
const DISCOVERY = '/.well-known/openid-configuration';
const JWKS = '/.well-known/jwks.json';

const newPair = promisify(generateKeyPair);

export function stsService(now: () => number = Date.now): AwsService {
  // Made when first needed: they take a tenth of a second.
  let made: Promise<Awaited<ReturnType<typeof newKey>>[]> | undefined;
  const keysOnce = () => {
    made ??= Promise.all(WEB_IDENTITY_ALGORITHMS.map(newKey));
    return made;
  };

  return async (request) => {
    const issuer = `http://${request.headers.host}`;
    if (request.method === 'GET') return document(request.rawPath, issuer);
    const input = new URLSearchParams(request.body.toString());
    const action = input.get('Action');
    if (action !== 'GetWebIdentityToken')
      throw new AwsError(
        'InvalidAction',
        `${action} is not an operation of the local STS; it offers GetWebIdentityToken`,
      );
    return answer(await token(input, issuer, callerOf(request)));
  };

  async function document(path: string, issuer: string): Promise<Answer> {
    if (path === JWKS)
      return jsonAnswer(200, {
        keys: (await keysOnce()).map(({ alg, kid, publicKey }) => ({
          ...publicKey.export({ format: 'jwk' }),
          kid,
          alg,
          use: 'sig',
        })),
      });
    if (path !== DISCOVERY) return jsonAnswer(404, { message: `${DISCOVERY} and ${JWKS} are here` });
    return jsonAnswer(200, {
      issuer,
      jwks_uri: `${issuer}${JWKS}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: WEB_IDENTITY_ALGORITHMS,
    });
  }

  async function token(input: URLSearchParams, issuer: string, subject: string) {
    const audience = [...input]
      .filter(([name]) => name.startsWith('Audience.member.'))
      .map(([, value]) => value);
    if (
      audience.length < 1 ||
      audience.length > 10 ||
      audience.some((each) => each === '' || each.length > 1000)
    )
      throw invalid('Audience must have 1 to 10 members of 1 to 1000 characters');
    const key = (await keysOnce()).find(({ alg }) => alg === input.get('SigningAlgorithm'));
    if (!key) throw invalid(`SigningAlgorithm must be ${WEB_IDENTITY_ALGORITHMS.join(' or ')}`);
    const life = Number(input.get('DurationSeconds') ?? 300);
    if (!Number.isInteger(life) || life < 60 || life > 3600)
      throw invalid('DurationSeconds must be a whole number from 60 to 3600');
    const issuedAt = Math.floor(now() / 1000);
    const claims = { 'https://sts.amazonaws.com/': { aws_account: LOCAL_ACCOUNT, principal_id: subject } };
    // As the keys: when first needed.
    const { SignJWT } = await import('jose');
    const jwt = await new SignJWT(claims)
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(audience.length === 1 ? audience[0]! : audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + life)
      .setJti(randomUUID())
      .sign(key.privateKey);
    return { jwt, expiration: new Date((issuedAt + life) * 1000).toISOString() };
  }
}

async function newKey(alg: (typeof WEB_IDENTITY_ALGORITHMS)[number]) {
  const pair = await (alg === 'RS256'
    ? newPair('rsa', { modulusLength: 2048 })
    : newPair('ec', { namedCurve: 'P-384' }));
  return { alg: alg as string, kid: randomUUID(), ...pair };
}

/** The signature has been verified, where it matters. A session is known by its role, as at AWS. */
function callerOf({ headers }: Received): string {
  const keyId = /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
  const { arn = '' } = identityOf(keyId) ?? {};
  return arn.replace(/^arn:aws:sts::(\d+):assumed-role\/([^/]+)\/.*$/, 'arn:aws:iam::$1:role/$2');
}

/** AWS's Query protocol answers in XML. */
function answer({ jwt, expiration }: { jwt: string; expiration: string }): Answer {
  const result = `<WebIdentityToken>${jwt}</WebIdentityToken><Expiration>${expiration}</Expiration>`;
  return xmlAnswer(
    200,
    `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/${VERSION}/"><GetWebIdentityTokenResult>${result}</GetWebIdentityTokenResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>`,
  );
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationError', message);
}

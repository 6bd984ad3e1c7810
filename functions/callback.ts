/**
 * The routes that nobody signs. Those that a browser opens are the page of a consent, and the way back from the vendor:
 * nothing but the request says who asks, the secret in the address and the value that the browser's cookie holds. And
 * the public keys, which vendors fetch.
 */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { BROWSER, randomSecret } from '../shared/broker/consent/browser.ts';
import type { Visit } from '../shared/broker/consent/page.ts';
import { BrokerError } from '../shared/contract/errors.ts';
import { present } from '../shared/contract/present.ts';
import { Redacted } from '../shared/contract/redacted.ts';
import { type PublicOperation, publicOperation } from '../shared/contract/routes.ts';
import type { Broker } from './compose.ts';
import { consentPage } from './consent-page.ts';
import { jsonAnswer } from './http-answers.ts';

type Event = APIGatewayProxyEventV2;
type Answer = APIGatewayProxyStructuredResultV2;
type CallbackHandler = (event: Event, context: Context) => Promise<Answer>;
type Operation = (event: Event, visit: Visit) => Promise<Answer>;

/** Longer than any vendor's answer, or any form of ours; what is beyond is not even looked at. */
const LONGEST = 8_192;

/** As long as the outcome of a consent is kept, in seconds. */
const COOKIE_LIFE = 3_600;

/**
 * RFC 7517 §8.5.2. Five minutes keep servers and what stands before them from asking for each assertion, and are what a
 * rotation waits for, and what the key of a lost secret is still believed for.
 */
const JWKS_HEADERS = { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300' };

export function callbackHandler(broker: Broker): CallbackHandler {
  const { protocol, origin } = new URL(broker.publicUrl);
  const secure = protocol === 'https:';
  // `__Host-`: set by this very host, over TLS, for all of it. Over http, on one machine, browsers take no such cookie.
  const cookie = secure ? '__Host-token-broker' : 'token-broker';
  const operations: Readonly<Record<PublicOperation, Operation>> = {
    async consentPage(_, visit) {
      const shown = await broker.consentPage(visit);
      const page = consentPage(shown, secure);
      // Given here already, so that a button that is pressed twice is pressed by one browser.
      return shown.kind === 'ask' ? withCookie(page, visit.browser ?? randomSecret()) : page;
    },

    async continueConsent(event, visit) {
      if (!isOurs(event, origin)) return consentPage({ kind: 'unknown' }, secure);
      const code = formOf(event).get('code')?.trim();
      const next = await broker.continueConsent({ ...visit, ...(code && { code: new Redacted(code) }) });
      if (!('location' in next)) return consentPage(next, secure);
      return withCookie(consentPage({ kind: 'leaving', location: next.location }, secure), next.browser);
    },

    async callback({ rawPath: path, rawQueryString }, { secret: _, ...visit }) {
      const parameters = new URLSearchParams(rawQueryString.length > LONGEST ? '' : rawQueryString);
      return consentPage(await broker.callback({ ...visit, path, parameters }), secure);
    },

    async jwks({ pathParameters }, { endsAt }) {
      const connection = pathParameters?.connection ?? '';
      // What is wrong with a secret is for the log, and no stranger's business.
      const set = await broker.jwks({ connection, endsAt }).catch(() => null);
      if (set === null) return jsonAnswer(503, { message: 'Service Unavailable' }, { 'retry-after': '60' });
      // As API Gateway says of a route that is not there.
      return set ? jsonAnswer(200, set, JWKS_HEADERS) : jsonAnswer(404, { message: 'Not Found' });
    },
  };

  const withCookie = (page: Answer, browser: string): Answer => {
    const attributes = `Path=/; Max-Age=${COOKIE_LIFE}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
    return { ...page, cookies: [`${cookie}=${browser}; ${attributes}`] };
  };

  return async (event, context) => {
    const begunAt = Date.now();
    const span = { begunAt, endsAt: begunAt + context.getRemainingTimeInMillis() };
    const secret = event.pathParameters?.secret ?? '';
    const operation = publicOperation(event.routeKey, event.rawPath);
    try {
      if (!operation) return consentPage({ kind: 'unknown' }, secure);
      const browser = browserOf(event, cookie);
      return await operations[operation](event, { ...span, secret, ...present({ browser }) });
    } catch (error) {
      // A person must not be shown JSON. Of a defect the page says nothing; the log has it under the request's id.
      if (error instanceof BrokerError) return consentPage({ kind: 'unavailable' }, secure);
      return consentPage({ kind: 'broken', requestId: context.awsRequestId }, secure);
    }
  };
}

function browserOf({ cookies = [] }: Event, name: string): string | undefined {
  const values = cookies
    .filter((each) => each.startsWith(`${name}=`))
    .map((each) => each.slice(name.length + 1));
  return values.find((value) => BROWSER.test(value));
}

/** Browsers say which site a form was sent from: another's could send a person on who has seen no page of ours. */
function isOurs({ headers }: Event, origin: string): boolean {
  const { origin: from, 'sec-fetch-site': site } = headers;
  return (from === undefined || from === origin) && (site === undefined || site === 'same-origin');
}

function formOf({ body = '', isBase64Encoded }: Event): URLSearchParams {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body;
  return new URLSearchParams(text.length > LONGEST ? '' : text);
}

/** The page that a person lands on after the vendor's consent: no script, nothing loaded, nothing else revealed. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { CallbackOutcome } from '../shared/broker/consent/callback.ts';
import { BrokerError } from '../shared/contract/errors.ts';
import type { Broker } from './compose.ts';
import { escaped, facts, htmlPage } from './html.ts';

type CallbackHandler = (
  event: APIGatewayProxyEventV2,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

/** Longer than any vendor's answer; what is beyond is not even looked at. */
const LONGEST_QUERY = 8_192;

export function callbackHandler(broker: Broker): CallbackHandler {
  return async (event, context) => {
    const begunAt = Date.now();
    const span = { begunAt, endsAt: begunAt + context.getRemainingTimeInMillis() };
    const query = event.rawQueryString.length > LONGEST_QUERY ? '' : event.rawQueryString;
    try {
      return callbackPage(await broker.callback(new URLSearchParams(query), span));
    } catch (error) {
      // A person must not be shown JSON. Of a defect the page says nothing; the log has it under the request's id.
      if (error instanceof BrokerError) return callbackPage({ kind: 'unavailable' });
      return callbackPage({ kind: 'broken', requestId: context.awsRequestId });
    }
  };
}

/** What there is to show: what became of the consent, or that it could not be looked at. */
type Shown =
  | CallbackOutcome
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'broken'; readonly requestId: string };

interface Text {
  readonly status: number;
  readonly heading: string;
  /** What happened, and what to do next. */
  readonly advice: string;
}

const START_AGAIN = 'Close this page and start again from where you came.';

const TEXTS: Readonly<Record<Shown['kind'], Text>> = {
  connected: { status: 200, heading: 'Connected', advice: 'The consent is stored. You can close this page.' },
  denied: {
    status: 200,
    heading: 'Not connected',
    advice: `The vendor says that the request was declined. Nothing was stored. ${START_AGAIN}`,
  },
  pending: {
    status: 200,
    heading: 'Almost there',
    advice: 'The consent is being finished. Load this page again in a moment.',
  },
  expired: {
    status: 410,
    heading: 'Too late',
    advice: `This consent was not finished in time. ${START_AGAIN}`,
  },
  failed: {
    status: 400,
    heading: 'Not connected',
    advice: `The consent could not be finished. ${START_AGAIN}`,
  },
  unknown: {
    status: 404,
    heading: 'Nothing to finish here',
    advice: `This link is not, or no longer, valid. ${START_AGAIN}`,
  },
  unavailable: {
    status: 503,
    heading: 'Not now',
    advice: 'The token broker cannot do this just now. Load this page again in a minute.',
  },
  broken: {
    status: 500,
    heading: 'Something went wrong',
    advice: 'Tell whoever runs the token broker, with the request id above.',
  },
};

export function callbackPage(outcome: Shown): APIGatewayProxyStructuredResultV2 {
  const { status, heading, advice } = TEXTS[outcome.kind];
  return {
    statusCode: status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
    },
    body: htmlPage({
      title: `${heading} – token broker`,
      style: STYLE,
      body: `<main class="${outcome.kind}">
<h1>${heading}</h1>
${whoseAndWhy(outcome)}
<p>${advice}</p>
</main>`,
    }),
  };
}

function whoseAndWhy(outcome: Shown): string {
  if (outcome.kind === 'unknown' || outcome.kind === 'unavailable') return '';
  if (outcome.kind === 'broken') return facts({ 'Request id': outcome.requestId });
  const { connection, subject, detail } = outcome;
  const whose = facts({ Connection: connection, Subject: subject });
  return detail === undefined ? whose : `${whose}\n<p>${escaped(detail)}</p>`;
}

const STYLE = `
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: start center; background: Canvas; color: CanvasText; }
@media (min-width: 34rem) { body { place-items: center; } }
main { box-sizing: border-box; width: min(32rem, 100vw); padding: 2rem 1.5rem; border-top: .4rem solid #b45309; }
main.connected { border-color: #15803d; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; text-wrap: balance; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0 0 1rem; }
dt { opacity: .7; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
`;

/** What a person sees of a consent. Nothing is loaded; the one script copies a device's code, and may be missing. */
import { createHash } from 'node:crypto';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import encodeQR from 'qr';
import type { ConsentView } from '../shared/broker/consent/page.ts';
import { escaped, facts, htmlPage, ICON } from './html.ts';

type Answer = APIGatewayProxyStructuredResultV2;

/** What there is to show: how far the consent is, or that it could not be looked at. */
type Shown =
  | ConsentView
  /** On the way to the vendor; only a browser that follows no redirect sees it. */
  | { readonly kind: 'leaving'; readonly location: string }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'broken'; readonly requestId: string };

type Ask = Extract<Shown, { kind: 'ask' }>;
type Device = Extract<Shown, { kind: 'device' }>;
type Outcome = Exclude<Shown, Ask | Device | { kind: 'leaving' }>;

interface Text {
  readonly status: number;
  readonly heading: string;
  /** What happened, and what to do next. */
  readonly advice: string;
}

const START_AGAIN = 'Start again from where you came.';

const TEXTS: Readonly<Record<Outcome['kind'], Text>> = {
  connected: { status: 200, heading: 'Connected', advice: 'It is done. You can close this page.' },
  denied: {
    status: 200,
    heading: 'Not connected',
    advice: `Access was declined. Nothing was stored. ${START_AGAIN}`,
  },
  pending: {
    status: 200,
    heading: 'Almost there',
    advice: 'Access is being set up. This page looks again by itself in a few seconds.',
  },
  expired: {
    status: 410,
    heading: 'Too late',
    advice: `This was not finished in time. ${START_AGAIN}`,
  },
  failed: {
    status: 400,
    heading: 'Not connected',
    advice: `This could not be finished. ${START_AGAIN}`,
  },
  otherBrowser: {
    status: 403,
    heading: 'Another browser began this',
    advice: `For your safety it can be finished only in the browser that began it, with cookies allowed. Go back to that one. Or, to use this one: ${START_AGAIN.toLowerCase()}`,
  },
  unknown: {
    status: 404,
    heading: 'Nothing to finish here',
    advice: `This link is not, or no longer, valid. ${START_AGAIN}`,
  },
  unavailable: {
    status: 503,
    heading: 'Not now',
    advice: 'This cannot be done just now. Load this page again in a minute.',
  },
  broken: {
    status: 500,
    heading: 'Something went wrong',
    advice: 'Tell whoever runs the token broker, with the request id above.',
  },
};

/** @param secure whether the deployment is reached by https, so that vendors are too */
export function consentPage(shown: Shown, secure: boolean): Answer {
  switch (shown.kind) {
    case 'leaving':
      return leaving(shown.location, secure);
    case 'ask':
      return page({ status: shown.wrong ? 400 : 200, title: asks(shown), body: askBody(shown), secure });
    case 'device':
      return page({
        status: 200,
        title: asks(shown),
        body: deviceBody(shown),
        secure,
        refresh: shown.interval,
      });
    default: {
      const { status, heading } = TEXTS[shown.kind];
      const refresh = shown.kind === 'pending' ? { refresh: 3 } : {};
      return page({
        status,
        title: heading,
        body: outcomeBody(shown),
        className: shown.kind,
        secure,
        ...refresh,
      });
    }
  }
}

function leaving(location: string, secure: boolean): Answer {
  const body = `<p><a href="${escaped(location)}">Go on</a></p>`;
  const answer = page({ status: 303, title: 'Go on', body, secure });
  return { ...answer, headers: { ...answer.headers, location } };
}

function asks({ vendor }: Ask | Device): string {
  return `Give access to ${vendor}?`;
}

function askBody(shown: Ask): string {
  const { typed, wrong, vendor } = shown;
  if (!typed)
    return `${whoAsks(shown)}
<form method="post"><button>Continue to ${escaped(vendor)}</button></form>
<p class="small">There you sign in and decide. Not expecting this? Close the page: nothing happens.</p>`;
  return `${whoAsks(shown)}
<ol>
<li><form method="post" target="_blank"><button>Open ${escaped(vendor)}</button></form> Sign in and decide there. You are shown a code.</li>
<li><form method="post"><label for="code">Type or paste the code here:</label>
${wrong === undefined ? '' : `<p class="wrong" role="alert" id="wrong">That code was not taken. ${escaped(wrong)}</p>`}
<input id="code" name="code" autocomplete="off" autocapitalize="none" spellcheck="false" required${wrong === undefined ? '' : ' autofocus aria-describedby="wrong"'}>
<button>Connect</button></form></li>
</ol>
<p class="small">Not expecting this? Close the page: nothing happens.</p>`;
}

function deviceBody(shown: Device): string {
  const { verificationUri, verificationUriComplete, userCode } = shown;
  const address = verificationUriComplete ?? verificationUri;
  return `${whoAsks(shown)}
<p>Open <a href="${escaped(address)}" target="_blank" rel="noreferrer">${escaped(verificationUri)}</a>, on this device or another, and enter this code:</p>
<p class="code"><output id="user-code">${escaped(userCode)}</output> <button id="copy" type="button" hidden>Copy</button></p>
<p>Or point a phone's camera at this:</p>
<div class="qr" role="img" aria-label="QR code of the address">${encodeQR(address, 'svg')}</div>
<p class="small" role="status">Waiting for your decision there. This page looks again by itself.</p>
<script>${COPY}</script>`;
}

/** The principal is an ARN: its last part is what people call it by. */
function whoAsks({ startedBy, vendor, connection, subject, scopes, replace }: Ask | Device): string {
  const { name, account } = principalOf(startedBy);
  const rows = {
    'Who asks': account === undefined ? name : `${name}, in AWS account ${account}`,
    Connection: connection,
    ...(subject !== 'default' && { 'On behalf of': subject }),
    ...(scopes.length > 0 && { 'What it may do': scopes.join(', ') }),
  };
  const replaced = replace ? '\n<p>This takes the place of the access that is there now.</p>' : '';
  return `<p>A program of your organization wants to use ${escaped(vendor)} without asking you each time.</p>
${facts(rows)}${replaced}`;
}

function principalOf(arn: string): { readonly name: string; readonly account?: string } {
  const [, , , , account, ...rest] = arn.split(':');
  const resource = rest.join(':').split('/');
  const isSession = resource[0] === 'assumed-role';
  const name = isSession ? `${resource[1]} (${resource.slice(2).join('/')})` : resource.at(-1);
  return { name: name || arn, ...(account && { account }) };
}

function outcomeBody(shown: Outcome): string {
  const { advice } = TEXTS[shown.kind];
  if (shown.kind === 'broken') return `${facts({ 'Request id': shown.requestId })}\n<p>${advice}</p>`;
  if (shown.kind === 'unknown' || shown.kind === 'unavailable') return `<p>${advice}</p>`;
  const { vendor, connection, subject, detail, returnTo } = shown;
  const rows = {
    Service: vendor,
    Connection: connection,
    ...(subject !== 'default' && { 'On behalf of': subject }),
  };
  const why = detail === undefined ? '' : `\n<p>${escaped(detail)}</p>`;
  const back =
    returnTo === undefined || shown.kind === 'pending'
      ? ''
      : `\n<p><a class="back" href="${escaped(returnTo)}">Back to ${escaped(new URL(returnTo).host)}</a></p>`;
  return `${facts(rows)}${why}\n<p>${advice}</p>${back}`;
}

interface Page {
  readonly status: number;
  readonly title: string;
  /** HTML. */
  readonly body: string;
  readonly secure: boolean;
  readonly className?: string;
  /** Seconds after which the page is loaded again. */
  readonly refresh?: number;
}

function page({ status, title, body, secure, className = 'asking', refresh }: Page): Answer {
  return {
    statusCode: status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy(secure),
      // The form's own origin must be told, the address and its secret must not.
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      ...(secure && { 'strict-transport-security': 'max-age=31536000' }),
      ...(refresh !== undefined && { refresh: String(refresh) }),
    },
    body: htmlPage({
      title: `${title} – token broker`,
      icon: ICON,
      style: STYLE,
      body: `<main class="${className}">
<h1>${escaped(title)}</h1>
${body}
</main>`,
    }),
  };
}

/** Browsers hold the redirect after a form to `form-action`, too, and where a vendor signs people in nobody knows. */
function policy(secure: boolean): string {
  return [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    'img-src data:',
    `script-src 'sha256-${COPY_HASH}'`,
    `form-action 'self' https:${secure ? '' : ' http:'}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const COPY = `
const button = document.getElementById('copy');
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById('user-code').textContent);
    button.textContent = 'Copied';
  });
}
`;
const COPY_HASH = createHash('sha256').update(COPY).digest('base64');

const STYLE = `
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; --accent: light-dark(#0f766e, #2dd4bf); --line: light-dark(#c8ccd4, #454b57); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: start center; background: Canvas; color: CanvasText; }
@media (min-width: 34rem) { body { place-items: center; } }
main { width: min(34rem, 100vw); padding: 2rem 1.5rem; border-top: .4rem solid #b45309; }
main.connected { border-color: #15803d; }
main.asking { border-color: var(--accent); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; text-wrap: balance; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0 0 1rem; }
dt { color: light-dark(#4b5563, #b6bdc9); }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
ol { padding-left: 1.25rem; } li { margin: 0 0 1.25rem; }
button, .back { display: inline-block; font: inherit; font-weight: 600; padding: .7rem 1.2rem; border: 0; border-radius: .5rem; background: var(--accent); color: light-dark(#fff, #10201e); text-decoration: none; cursor: pointer; }
input { display: block; width: 100%; margin: .4rem 0 .75rem; padding: .65rem; font: inherit; border: 1px solid var(--line); border-radius: .5rem; }
a { color: var(--accent); }
:focus-visible { outline: .2rem solid var(--accent); outline-offset: .15rem; }
.code output { font: 700 1.8rem/1.2 ui-monospace, monospace; letter-spacing: .08em; white-space: nowrap; user-select: all; }
.code button { padding: .3rem .8rem; vertical-align: middle; }
.qr { width: 12rem; padding: .75rem; background: #fff; border-radius: .5rem; } .qr svg { display: block; width: 100%; }
.wrong { color: light-dark(#b42318, #fda29b); font-weight: 600; margin: .25rem 0; }
.small { font-size: .9rem; color: light-dark(#4b5563, #b6bdc9); }
`;

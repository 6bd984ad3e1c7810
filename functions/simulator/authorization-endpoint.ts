import { OUT_OF_BAND } from '../../shared/connections/connection.ts';
import { escaped, facts } from '../html.ts';
import type { AuthorizationCodes } from './authorization-codes.ts';
import { admitsRedirect, type RegisteredClient } from './clients.ts';
import { type Answer, Refusal, unrepeated, type VendorRequest } from './http.ts';
import { decisionForm, page, paragraph, textField } from './pages.ts';
import { type Route, requireScopes, type VendorState } from './vendor-definition.ts';

/** How one vendor's authorization endpoint differs from another's. */
interface AuthorizationRules {
  readonly title: string;
  readonly path: string;
  /** Refuse a request without an S256 `code_challenge`. */
  readonly requirePkce: boolean;
  /** Add `iss` to every authorization response (RFC 9207). */
  readonly announceIssuer: boolean;
}

/** An authorization request whose client and redirect URI are known to be good. */
interface Asked {
  readonly client: RegisteredClient;
  readonly redirectUri: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * `GET` shows the request to a person; `POST` to the same URL with `decision=approve` or `deny` (and
 * `user=NAME`) is that person's answer. The request stays in the URL, so nothing is kept in between.
 */
export function authorizationRoutes(
  vendor: VendorState,
  codes: AuthorizationCodes,
  rules: AuthorizationRules,
): Route[] {
  const route = (method: 'GET' | 'POST', act: (asked: Asked, request: VendorRequest) => Answer): Route => ({
    method,
    path: rules.path,
    endpoint: 'authorize',
    handle: (request) => {
      const asked = understood(vendor, rules, request);
      if ('status' in asked) return asked;
      const problem = problemOf(asked, rules);
      return problem ? respond(vendor, rules, asked, problem) : act(asked, request);
    },
  });
  return [
    route('GET', (asked) => consentPage(asked, rules)),
    route('POST', (asked, request) => decided(vendor, codes, rules, asked, request)),
  ];
}

/** A request whose client or redirect URI is in doubt must not redirect (RFC 6749 §4.1.2.1): it gets a page. */
function understood(vendor: VendorState, rules: AuthorizationRules, request: VendorRequest): Asked | Answer {
  const wrong = (text: string) => page(400, rules.title, 'This link does not work', paragraph(text));
  try {
    const parameters = unrepeated(request.url.searchParams);
    const { client_id = '', redirect_uri = '' } = parameters;
    const client = vendor.clients.get(client_id);
    if (!client) return wrong(`client_id is unknown: ${client_id}`);
    if (!admitsRedirect(client, redirect_uri)) {
      return wrong(`redirect_uri is not registered for ${client_id}: ${redirect_uri}`);
    }
    return { client, redirectUri: redirect_uri, parameters };
  } catch (error) {
    if (error instanceof Refusal) return wrong('A parameter is repeated.');
    throw error;
  }
}

function problemOf({ client, parameters }: Asked, rules: AuthorizationRules): OAuthError | undefined {
  const { response_type, code_challenge, code_challenge_method } = parameters;
  if (response_type !== 'code') {
    return { error: 'unsupported_response_type', error_description: 'response_type must be code.' };
  }
  if (!client.grants.includes('authorization_code')) {
    return { error: 'unauthorized_client', error_description: 'This client may not ask for a code.' };
  }
  const pkce = rules.requirePkce || code_challenge !== undefined;
  if (pkce && (code_challenge_method !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(code_challenge ?? ''))) {
    return { error: 'invalid_request', error_description: 'PKCE with an S256 code_challenge is required.' };
  }
  try {
    requireScopes(parameters.scope, client.scopes);
  } catch (error) {
    if (error instanceof Refusal) return JSON.parse(error.answer.body);
    throw error;
  }
  return undefined;
}

function consentPage({ client, redirectUri, parameters }: Asked, rules: AuthorizationRules): Answer {
  const service = parameters.account_type === 'service';
  const summary = facts({
    Application: client.clientId,
    Access: parameters.scope || 'what the application is registered for',
    Account: service ? 'a service account' : 'your own',
    'Afterwards you go to': redirectUri === OUT_OF_BAND ? 'a page that shows a code' : redirectUri,
  });
  const form = decisionForm(textField('user', service ? 'Service account' : 'Signed in as', 'demo'));
  return page(200, rules.title, `Allow ${client.clientId} to act for you?`, summary + form);
}

function decided(
  vendor: VendorState,
  codes: AuthorizationCodes,
  rules: AuthorizationRules,
  asked: Asked,
  request: VendorRequest,
): Answer {
  const { decision, user = 'demo' } = request.parameters;
  if (decision === 'deny') {
    return respond(vendor, rules, asked, { error: 'access_denied', error_description: 'The user denied.' });
  }
  if (decision !== 'approve') {
    return page(400, rules.title, 'No decision', paragraph('decision must be approve or deny.'));
  }
  const { client, redirectUri, parameters } = asked;
  const code = codes.issue({
    clientId: client.clientId,
    owner: `${parameters.account_type === 'service' ? 'service-account' : 'user'}:${user}`,
    scopes: requireScopes(parameters.scope, client.scopes),
    redirectUri,
    codeChallenge: parameters.code_challenge,
  });
  return respond(vendor, rules, asked, { code });
}

interface OAuthError {
  readonly error: string;
  readonly error_description: string;
}

/** Tells the client by redirect, or the person on screen where there is nowhere to go (out-of-band). */
function respond(
  vendor: VendorState,
  rules: AuthorizationRules,
  { redirectUri, parameters: { state } }: Asked,
  outcome: OAuthError | { readonly code: string },
): Answer {
  if (redirectUri === OUT_OF_BAND) {
    return 'code' in outcome
      ? page(200, rules.title, 'Your code', `${CODE_HINT}<code>${escaped(outcome.code)}</code>`)
      : page(200, rules.title, 'Nothing was allowed', paragraph(outcome.error_description));
  }
  const location = new URL(redirectUri);
  const added = {
    ...outcome,
    ...(state === undefined ? {} : { state }),
    ...(rules.announceIssuer ? { iss: vendor.origin } : {}),
  };
  for (const [name, value] of Object.entries(added)) location.searchParams.set(name, value);
  return { status: 303, headers: { location: location.href, 'referrer-policy': 'no-referrer' }, body: '' };
}

const CODE_HINT = paragraph(
  'Copy this code into the application that asked for it. It works once, for a minute.',
);

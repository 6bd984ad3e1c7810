/** Which settings a connection gets, from what an authorization server says of itself (RFC 8414 §2). */
import {
  type ClientAuthMethod,
  DEVICE_CODE_GRANT,
  ENDPOINTS,
  type GrantType,
  isAssertionGrant,
} from '../../shared/connections/connection.ts';
import { usage } from './failure.ts';
import { KEY_TYPES } from './secret-keys.ts';

/** What whoever asks has decided already. */
export interface Asked {
  readonly grant?: GrantType;
  readonly clientAuth?: ClientAuthMethod;
  readonly clientId?: string;
  readonly scope?: string;
}

interface Settings {
  /** Of the connections file. */
  readonly members: Readonly<Record<string, unknown>> & { readonly endpoint_hosts?: readonly string[] };
  /** What they are about, and why they are so, in the order of the file. */
  readonly notes: readonly (readonly [subject: string, note: string])[];
}

type Metadata = Readonly<Record<string, unknown>>;

/** In the order of preference: those that need no person first. */
const GRANTS: readonly GrantType[] = ['client_credentials', 'authorization_code', DEVICE_CODE_GRANT];

/**
 * The safest first, those as safe as each other together: nothing is stored, a key never leaves the broker, a secret under
 * an HMAC is not sent, others are, rather in a header than in a body.
 */
const SAFEST_FIRST: readonly (readonly ClientAuthMethod[])[] = [
  ['aws_web_identity'],
  ['private_key_jwt'],
  ['client_secret_jwt'],
  ['client_secret_basic', 'client_secret_basic_raw', 'client_secret_post'],
  ['none'],
];

/** The safest of these methods, where it is safer than the one that is used. */
export function saferMethod(
  used: ClientAuthMethod,
  taken: readonly ClientAuthMethod[],
): ClientAuthMethod | undefined {
  const better = SAFEST_FIRST.slice(
    0,
    SAFEST_FIRST.findIndex((methods) => methods.includes(used)),
  );
  return better.flat().find((method) => taken.includes(method));
}

/** What the server takes, as it says, or as RFC 8414 §2 has it; the safest first. */
export function methodsTaken(metadata: Metadata): ClientAuthMethod[] {
  const taken = methodsNamed(metadata);
  return SAFEST_FIRST.flat().filter(
    (method) => taken.includes(method) && (method !== 'private_key_jwt' || algorithmOf(metadata)),
  );
}

function methodsNamed(metadata: Metadata): readonly string[] {
  return listOf(metadata, 'token_endpoint_auth_methods_supported') ?? ['client_secret_basic'];
}

/** @throws Failure naming what the server offers, where that is not what was asked for */
export function chooseSettings(connection: string, metadata: Metadata, asked: Asked): Settings {
  const grant = chooseGrant(metadata, asked.grant);
  const method = chooseMethod(metadata, grant.value, asked.clientAuth);
  const scope = chooseScope(metadata, grant.value, asked.scope);
  const hosts = foreignHosts(metadata);
  const takesPkce = pkceOf(metadata, grant.value);
  const members = {
    vendor: 'custom',
    issuer: metadata.issuer,
    grant: grant.value,
    ...(method && { client_auth: method.value }),
    ...(asked.clientId && { client_id: asked.clientId }),
    ...(scope.value && { scope: scope.value }),
    ...(hosts.length > 0 && { endpoint_hosts: hosts }),
    ...(takesPkce === false && { pkce: false }),
  };
  const notes: Settings['notes'][number][] = [
    ['grant', grant.note],
    ...(method ? ([['client_auth', method.note]] as const) : []),
    ['scope', scope.note],
  ];
  if (hosts.length > 0)
    notes.push(['endpoint_hosts', 'the server names endpoints there: make sure that they are its own']);
  if (takesPkce === false) notes.push(['pkce', 'its code_challenge_methods_supported lacks S256']);
  notes.push(...habits(metadata, grant.value), ...steps(connection, metadata, grant.value, method?.value));
  return { members, notes };
}

interface Choice<Value> {
  readonly value: Value;
  readonly note: string;
}

function chooseGrant(metadata: Metadata, asked: GrantType | undefined): Choice<GrantType> {
  // What a server that does not say supports (RFC 8414 §2).
  const offered = listOf(metadata, 'grant_types_supported') ?? ['authorization_code'];
  const value = asked ?? GRANTS.find((grant) => offered.includes(grant));
  if (value === undefined || !offered.includes(value))
    throw usage(
      `The server offers ${offered.join(', ')}${asked ? `, not ${asked}` : ', none of which the broker uses unasked'}.`,
      '--grant TYPE',
    );
  return { value, note: `one of ${offered.join(', ')} (--grant)` };
}

/** @returns `undefined` where the assertion is all that is sent */
function chooseMethod(
  metadata: Metadata,
  grant: GrantType,
  asked: ClientAuthMethod | undefined,
): Choice<ClientAuthMethod> | undefined {
  if (isAssertionGrant(grant) && asked === undefined) return undefined;
  const taken = methodsNamed(metadata);
  const value = asked ?? methodsTaken(metadata)[0];
  if (value === undefined)
    throw usage(
      `The server takes ${taken.join(', ')}, none of which the broker knows.`,
      '--client-auth METHOD',
    );
  const registered = 'the client must be registered for it';
  return { value, note: `the safest of ${taken.join(', ')}; ${registered} (--client-auth)` };
}

function chooseScope(metadata: Metadata, grant: GrantType, asked: string | undefined): Choice<string> {
  const known = listOf(metadata, 'scopes_supported') ?? [];
  const consents = grant === 'authorization_code' || grant === DEVICE_CODE_GRANT;
  const value = asked ?? (consents && known.includes('offline_access') ? 'offline_access' : '');
  const shown =
    known.length > 0 ? `it names ${known.slice(0, 20).join(', ')}` : 'it does not say which there are';
  const why = value === 'offline_access' ? 'for a refresh token; ' : '';
  return { value, note: `${why}${shown} (--scope)` };
}

function foreignHosts(metadata: Metadata): string[] {
  const issuer = new URL(String(metadata.issuer)).host;
  const hosts = ENDPOINTS.flatMap((member) => {
    const value = metadata[member];
    return typeof value === 'string' && URL.canParse(value) ? [new URL(value).host] : [];
  });
  return [...new Set(hosts)].filter((host) => host !== issuer);
}

/** @returns `undefined` where it does not matter, or the server does not say: PKCE is then sent, and ignored if unknown */
function pkceOf(metadata: Metadata, grant: GrantType): boolean | undefined {
  if (grant !== 'authorization_code') return undefined;
  return listOf(metadata, 'code_challenge_methods_supported')?.includes('S256');
}

/** What the broker does by itself, and what the server cannot. */
function habits(metadata: Metadata, grant: GrantType): Settings['notes'] {
  if (grant !== 'authorization_code') return [];
  const notes: (readonly [string, string])[] = [];
  if (metadata.require_pushed_authorization_requests === true)
    notes.push(['pushed requests', 'demanded by the server, and made (RFC 9126)']);
  if (metadata.authorization_response_iss_parameter_supported === true)
    notes.push(['iss', 'sent by the server, and demanded of every answer (RFC 9207)']);
  if (metadata.revocation_endpoint === undefined)
    notes.push(['revocation', 'the server has no endpoint: a revoked grant ends at the broker only']);
  return notes;
}

function steps(
  connection: string,
  metadata: Metadata,
  grant: GrantType,
  method: ClientAuthMethod | undefined,
): Settings['notes'] {
  const vouched = method === 'aws_web_identity';
  const signs = method === 'private_key_jwt' || isAssertionGrant(grant);
  const algorithm = algorithmOf(metadata) ?? 'RS256';
  const store = vouched
    ? 'make the roles of the broker known to the server'
    : signs
      ? `token-broker secret keygen ${connection} --alg ${algorithm} --jwk`
      : `token-broker secret put ${connection}`;
  const consents = grant === 'authorization_code' || grant === DEVICE_CODE_GRANT;
  return [
    ['api_hosts', 'add the hosts of the API, so that a token goes nowhere else'],
    ...(grant === 'authorization_code'
      ? ([['redirect URI', `register /callback/${connection} of your deployment at the server`]] as const)
      : []),
    ['next', `${store}${consents ? `, then token-broker connect ${connection}` : ''}`],
  ];
}

/** The first that keys can be made for; RFC 8414 has no default. */
function algorithmOf(metadata: Metadata): string | undefined {
  const known = algorithmsTaken(metadata);
  return Object.keys(KEY_TYPES).findLast((algorithm) => known.includes(algorithm));
}

/** Of client assertions. */
export function algorithmsTaken(metadata: Metadata): readonly string[] {
  return listOf(metadata, 'token_endpoint_auth_signing_alg_values_supported') ?? ['RS256'];
}

function listOf(metadata: Metadata, member: string): readonly string[] | undefined {
  const value = metadata[member];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;
}

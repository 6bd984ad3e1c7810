import * as v from 'valibot';
import { isObject } from '../contract/json.ts';
import { ACTIONS, CONNECTION_NAME, SUBJECT } from '../contract/messages.ts';
import { SCOPE, SCOPE_TOKEN } from '../contract/scope.ts';
import {
  ASSERTION_AUDIENCES,
  CLIENT_AUTH_METHODS,
  GRANT_TYPES,
  SIGNING_KEYS,
  type VendorMember,
} from './connection.ts';
import { KMS_KEYS, type KmsAlgorithm } from './kms.ts';
import { PRINCIPAL_FORMS, parsePrincipalRule, principalHint } from './principal.ts';

/*
 * The shape of the connections file. Every message says what is allowed; every description says what the
 * member is for, and is what an editor shows. What depends on a vendor or on another member is in `rules.ts`.
 */

/** Parameters of token requests that are the broker's own. */
export const RESERVED_TOKEN_PARAMS = [
  ...['grant_type', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'],
  ...[
    'assertion',
    'subject_token',
    'subject_token_type',
    'scope',
    'code',
    'code_verifier',
    'redirect_uri',
    'refresh_token',
    'device_code',
  ],
] as const;

/** Parameters of the authorization request that are the broker's to set (RFC 6749 §4.1.1, RFC 7636 §4.3). */
export const RESERVED_AUTHORIZE_PARAMS = [
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
  // RFC 9101: a request object would stand in for all of the above; and where the answer goes is ours to say.
  'request',
  'request_uri',
  'response_mode',
] as const;

const text = (allowed: string, pattern: RegExp) => v.pipe(v.string(allowed), v.regex(pattern, allowed));

const oneOf = <const T extends readonly string[]>(values: T) =>
  v.picklist(values, `one of ${values.map((value) => `"${value}"`).join(', ')}`);

const some = <T extends v.GenericSchema>(item: T, of: string) => {
  const allowed = `an array of at least one ${of}`;
  return v.pipe(v.array(item, allowed), v.minLength(1, allowed));
};

const seconds = (least: number, most: number) => {
  const allowed = `a whole number of seconds from ${least} to ${most}`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(least, allowed), v.maxValue(most, allowed));
};

/** valibot takes arrays for objects, and drops the names that pollute prototypes without a word. */
const dictionary = (of: string) =>
  v.custom<Record<string, unknown>>(
    (value) =>
      isObject(value) && !Object.keys(value).some((key) => /^(?:__proto__|constructor|prototype)$/.test(key)),
    `an object of ${of}, without the names __proto__, constructor and prototype`,
  );

const url = v.string('an absolute https URL');
const hosts = some(v.string('a host name'), 'host name');
const scopeToken = text(
  'a scope token: printable ASCII without space, " and \\ (RFC 6749 §3.3)',
  SCOPE_TOKEN,
);
const label = text('a string of 1-256 characters, no control characters', /^[^\p{Cc}\p{Cs}]{1,256}$/u);

export const callerRuleSchema = v.strictObject(
  {
    principal: v.pipe(
      v.string(PRINCIPAL_FORMS),
      v.check(
        (value) => parsePrincipalRule(value) !== undefined,
        ({ input }) => PRINCIPAL_FORMS + principalHint(input),
      ),
      v.description(
        `${PRINCIPAL_FORMS}. Partition, account and the last segment of the name are compared; paths are not.`,
      ),
    ),
    scopes: v.optional(
      v.pipe(
        some(scopeToken, 'scope'),
        v.description('Scopes that they may ask for; default: all of the connection.'),
      ),
    ),
    subjects: v.optional(
      v.pipe(
        some(text('a subject: 1-256 characters without "/" and control characters', SUBJECT), 'subject'),
        v.description('Subjects that they may name; default: all.'),
      ),
    ),
    actions: v.optional(
      v.pipe(some(oneOf(ACTIONS), 'action'), v.description('What they may do; default: token and read.')),
    ),
  },
  `an object whose "principal" is ${PRINCIPAL_FORMS}`,
);

const endpoint = (what: string, rfc: string) =>
  v.optional(v.pipe(url, v.description(`${what} (${rfc}). Only where the vendor does not fix it.`)));

/** Of a refresh token: a minute to ten years. */
const life = seconds(60, 315_360_000);

const CALLS = 'a whole number from 1 to 1000000';
const calls = v.pipe(v.number(CALLS), v.integer(CALLS), v.minValue(1, CALLS), v.maxValue(1_000_000, CALLS));

const STATUS = 'a whole number from 400 to 499';
const statusCode = v.pipe(
  v.number(STATUS),
  v.integer(STATUS),
  v.minValue(400, STATUS),
  v.maxValue(499, STATUS),
);

const vendorMembers = {
  tenant: v.optional(
    v.pipe(
      text(
        "the customer's part of the host name: a DNS label in lower case",
        /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      ),
      v.description("The customer's part of the vendor's host name."),
    ),
  ),
  issuer: v.optional(
    v.pipe(url, v.description('Issuer whose metadata names the endpoints (RFC 8414 discovery).')),
  ),
  token_endpoint: endpoint('The token endpoint', 'RFC 6749 §3.2'),
  authorization_endpoint: endpoint('The authorization endpoint', 'RFC 6749 §3.1'),
  device_authorization_endpoint: endpoint('The device authorization endpoint', 'RFC 8628 §3.1'),
  pushed_authorization_request_endpoint: endpoint(
    'Where authorization requests are pushed, also where the metadata does not demand it',
    'RFC 9126 §2',
  ),
  revocation_endpoint: endpoint('The revocation endpoint', 'RFC 7009 §2'),
  userinfo_endpoint: endpoint("The token owner's endpoint", 'OpenID Connect Core §5.3'),
  endpoint_hosts: v.optional(
    v.pipe(hosts, v.description("Hosts, beside the issuer's own, on which discovered endpoints may be.")),
  ),
  default_lifetime: v.optional(
    v.pipe(
      seconds(1, 86_400),
      v.description(
        'Life of a token, in seconds, where the answer has no expires_in; default: 300 (RFC 6749 §5.1).',
      ),
    ),
  ),
  grace_window: v.optional(
    v.pipe(
      seconds(0, 86_400),
      v.description(
        'Seconds for which a spent refresh token still works; default: 0, none (RFC 9700 §4.14.2).',
      ),
    ),
  ),
  refresh_token_lifetime: v.optional(
    v.pipe(
      v.strictObject(
        {
          absolute: v.optional(v.pipe(life, v.description('Since the consent, however it is used.'))),
          idle: v.optional(v.pipe(life, v.description('Unused: it is used before that.'))),
        },
        'an object with "absolute", "idle" or both',
      ),
      v.description(
        'Seconds that a refresh token lives, where answers do not say it, so that its end is seen coming; default: not known (RFC 9700 §4.14.2).',
      ),
    ),
  ),
  minimum_refresh_age: v.optional(
    v.pipe(
      seconds(0, 86_400),
      v.description(
        'Seconds for which a new refresh token is not used, because the server does not take it yet; default: 0 (RFC 6749 §6 knows none).',
      ),
    ),
  ),
  refresh_kills_access_token: v.optional(
    v.pipe(
      v.boolean('true or false'),
      v.description('Whether a refresh ends the access token before it; default: false.'),
    ),
  ),
  rejection_statuses: v.optional(
    v.pipe(
      some(statusCode, 'HTTP status'),
      v.description('HTTP statuses by which the API refuses a token; default: 401 (RFC 6750 §3.1).'),
    ),
  ),
  token_params: v.optional(
    v.pipe(
      dictionary('strings, or lists of strings, by parameter name'),
      v.record(
        v.string(),
        v.union([v.string(), v.array(v.string())], 'a string, or a list of strings (RFC 8707 §2: resource)'),
      ),
      v.description('Sent with every token request, e.g. audience or resource (RFC 8707).'),
    ),
  ),
  token_member: v.optional(
    v.pipe(
      text('the name of a member: 1-64 of A-Z a-z 0-9 _ -', /^[A-Za-z0-9_-]{1,64}$/),
      v.description(
        'Member of the answer in which access_token and its like stand; default: the answer itself.',
      ),
    ),
  ),
  token_type: v.optional(
    v.pipe(
      text('the name of a token type: 1-16 of A-Z a-z _', /^[A-Za-z_]{1,16}$/),
      v.description(
        'What the server calls Bearer tokens in `token_type`; default: Bearer (RFC 6750 §6.1.1).',
      ),
    ),
  ),
  scope_separator: v.optional(
    v.pipe(
      oneOf([' ', ',']),
      v.description('Between scope tokens, sent and answered; default: a space (RFC 6749 §3.3).'),
    ),
  ),
  body_encoding: v.optional(
    v.pipe(
      oneOf(['form', 'json', 'multipart']),
      v.description('Of requests to the token endpoint; default: form (RFC 6749 §4).'),
    ),
  ),
  assertion_audience: v.optional(
    v.pipe(
      oneOf(ASSERTION_AUDIENCES),
      v.description(
        '`aud` of client assertions; endpoint: the URL that is called; default: token_endpoint (RFC 7523 §3).',
      ),
    ),
  ),
  assertion_claims: v.optional(
    v.pipe(
      dictionary('strings by claim'),
      v.record(v.string(), v.string('a string')),
      v.description(
        'Claims of assertions that are the grant, e.g. sub or aud; default: iss and sub the client_id, aud the token endpoint (RFC 7523 §3).',
      ),
    ),
  ),
  grant_type: v.optional(
    v.pipe(
      text('the value of a parameter: 1-128 printable characters', /^[!-~]{1,128}$/),
      v.description(
        'What the server calls client credentials; default: client_credentials (RFC 6749 §4.4.2).',
      ),
    ),
  ),
  params: v.optional(
    v.pipe(
      some(text('the name of a parameter: 1-64 of A-Z a-z 0-9 _ -', /^[A-Za-z0-9_-]{1,64}$/), 'parameter'),
      v.description('Names that callers may send in "params"; each value makes a token of its own.'),
    ),
  ),
  token_headers: v.optional(
    v.pipe(
      dictionary('strings by header'),
      v.record(
        text('the name of a header: 1-64 of A-Z a-z 0-9 -', /^[A-Za-z0-9-]{1,64}$/),
        text('printable ASCII', /^[ -~]{1,512}$/),
      ),
      v.description('Sent with requests to the token endpoint, e.g. a version; never a secret.'),
    ),
  ),
  scope_on_refresh: v.optional(
    v.pipe(
      v.boolean('true or false'),
      v.description(
        'Whether a refresh names its scopes also where it narrows nothing; default: false (RFC 6749 §6).',
      ),
    ),
  ),
  dead_grant_errors: v.optional(
    v.pipe(
      some(text('an error code: 1-64 of A-Z a-z 0-9 _ . -', /^[A-Za-z0-9_.-]{1,64}$/), 'error code'),
      v.description(
        'What the server says of a refresh token that is over, beside invalid_grant (RFC 6749 §5.2).',
      ),
    ),
  ),
  revoke_access_tokens: v.optional(
    v.pipe(
      v.boolean('true or false'),
      v.description(
        'Whether access tokens are revoked beside the refresh token, for servers that do not do it themselves; default: false (RFC 7009 §2.1).',
      ),
    ),
  ),
  pkce: v.optional(
    v.pipe(
      v.boolean('true or false'),
      v.description('Whether the server takes PKCE (RFC 7636); default: true.'),
    ),
  ),
} satisfies Record<VendorMember, v.GenericSchema>;

export const connectionSchema = v.strictObject({
  vendor: v.pipe(v.string('the name of a vendor'), v.description('Which OAuth server gives the tokens.')),
  ...vendorMembers,
  base_url: v.optional(
    v.pipe(
      url,
      v.description(
        'Replaces scheme and host of every endpoint, for on-premises installations, sandboxes and tests; paths stay.',
      ),
    ),
  ),
  grant: v.optional(
    v.pipe(
      oneOf(GRANT_TYPES),
      v.description("OAuth grant type; default: the vendor's first, mostly client_credentials."),
    ),
  ),
  client_auth: v.optional(
    v.pipe(
      oneOf(CLIENT_AUTH_METHODS),
      v.description("How the broker proves itself at the token endpoint; default: the vendor's first."),
    ),
  ),
  client_id: v.optional(
    v.pipe(
      label,
      v.description(
        'The client at its server, with client_auth aws_web_identity alone: else the secret says it.',
      ),
    ),
  ),
  identity_audience: v.optional(
    v.pipe(
      // `$` would begin a variable of IAM's policies.
      text('printable ASCII without space and $: 1-1000 characters', /^[!-#%-~]{1,1000}$/),
      v.description(
        "`aud` of AWS's token, with client_auth aws_web_identity; default: the issuer, else the token endpoint.",
      ),
    ),
  ),
  signing: v.optional(
    v.pipe(
      oneOf(SIGNING_KEYS),
      v.description(
        "What signs assertions: the secret's private key (default), or kms: a key that the stack makes in KMS and that never leaves it (RFC 7523).",
      ),
    ),
  ),
  signing_alg: v.optional(
    v.pipe(
      oneOf(Object.keys(KMS_KEYS) as [KmsAlgorithm, ...KmsAlgorithm[]]),
      v.description(
        'By what the KMS key signs, and so of which kind it is: another makes another key. Or by what AWS signs its token: RS256 or ES384. Default: RS256 (RFC 7518 §3.1).',
      ),
    ),
  ),
  serve_jwks: v.optional(
    v.pipe(
      v.boolean('true or false'),
      v.description(
        "Whether the public halves of the keys are served at the deployment's /jwks/CONNECTION, for servers that fetch them (RFC 7517 §5); default: false.",
      ),
    ),
  ),
  renamed_from: v.optional(
    v.pipe(
      text("the connection's former name: 1-64 of A-Z a-z 0-9 _ -, not digits alone", CONNECTION_NAME),
      v.description(
        'The name that the connection had before: its grants move, and its secret stays its own.',
      ),
    ),
  ),
  secret: v.optional(
    v.pipe(
      v.string('the name or ARN of a Secrets Manager secret'),
      v.description(
        'Name or ARN of the Secrets Manager secret that holds {client_id, client_secret}, ' +
          '{client_id, private_key, key_id?, next_private_key?, next_key_id?}, {client_id, kms_key_id, key_id?} or {client_id}; default: token-broker/CONNECTION, by its former name if it has one.',
      ),
    ),
  ),
  scope: v.optional(
    v.pipe(
      text('scope tokens with one space between two (RFC 6749 §3.3)', SCOPE),
      v.description('Asked for when a request names no scope; tokens separated by spaces.'),
    ),
  ),
  scopes: v.optional(
    v.pipe(some(scopeToken, 'scope'), v.description('All that may be asked for; default: "scope" alone.')),
  ),
  callers: v.optional(
    v.pipe(
      some(callerRuleSchema, 'rule; without this member, IAM alone decides'),
      v.description(
        'Who may use the connection, beside what IAM allows; default: everyone whom IAM lets through.',
      ),
    ),
  ),
  redirect_uri: v.optional(
    v.pipe(
      v.string('a redirect URI'),
      v.description(
        "Where the vendor sends the person after consent; default: the deployment's own /callback/CONNECTION.",
      ),
    ),
  ),
  return_hosts: v.optional(
    v.pipe(
      hosts,
      v.description('Hosts that the page at the end of a consent may link back to (`return_to`).'),
    ),
  ),
  authorize_params: v.optional(
    v.pipe(
      dictionary('strings by parameter name'),
      v.record(v.string(), v.string('a string')),
      v.description('Parameters added to the authorization request.'),
    ),
  ),
  refresh: v.optional(
    v.pipe(
      oneOf(['keep_warm', 'on_use']),
      v.description(
        'keep_warm (default): the sweep renews before expiry; on_use: callers do, and the sweep rotates.',
      ),
    ),
  ),
  rotate_every: v.optional(
    v.pipe(
      seconds(1, 31_536_000),
      v.description(
        'Seconds after which an on_use grant is rotated so that it does not idle out; default: 86400.',
      ),
    ),
  ),
  api_hosts: v.optional(
    v.pipe(hosts, v.description("Hosts to which tokens may be sent; default: the vendor's.")),
  ),
  direct_invoke: v.optional(
    v.pipe(
      v.boolean('true or false'),
      v.description('Allows direct invoke although "callers", which cannot be checked there, is set.'),
    ),
  ),
  min_mint_interval: v.optional(
    v.pipe(
      seconds(0, 86_400),
      v.description('Seconds between two mints forced by "rejected" or "min_ttl"; default: 30.'),
    ),
  ),
  vendor_budget: v.optional(
    v.pipe(
      v.strictObject(
        {
          per_minute: v.optional(
            v.pipe(calls, v.description('For the whole connection; default: twice per_principal.')),
          ),
          per_principal: v.optional(
            v.pipe(
              calls,
              v.description(
                'For one role, user or federated user; default: 60, or 300 with grants that people consent to.',
              ),
            ),
          ),
        },
        'an object with "per_minute", "per_principal" or both',
      ),
      v.description(
        'How often a minute the vendor is asked for the sake of callers; the sweep is not counted.',
      ),
    ),
  ),
  owner: v.optional(v.pipe(label, v.description('Who answers for the connection.'))),
  tags: v.optional(
    v.pipe(
      dictionary('strings by name'),
      v.record(v.string(), label),
      v.description('Shown with the connection; the broker does not read them.'),
    ),
  ),
});

export type ConnectionMembers = v.InferOutput<typeof connectionSchema>;

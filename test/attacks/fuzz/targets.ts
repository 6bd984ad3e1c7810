/** Every door of the broker, and what must hold whatever comes through it. */
import assert from 'node:assert/strict';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import fc from 'fast-check';
import { ValiError } from 'valibot';
import { callbackHandler } from '../../../functions/callback.ts';
import type { Broker } from '../../../functions/compose.ts';
import type { Received } from '../../../functions/local/http.ts';
import { SignatureRefused, verifySignature } from '../../../functions/local/sigv4.ts';
import { refreshHandler } from '../../../functions/refresh.ts';
import { keyringRotation } from '../../../shared/aws/rotate-keyring.ts';
import { covers, parsePrincipal } from '../../../shared/broker/principals.ts';
import { CLIENT_AUTH_METHODS } from '../../../shared/connections/connection.ts';
import { ConnectionsFileError } from '../../../shared/connections/issues.ts';
import { parseConnectionsText } from '../../../shared/connections/parse.ts';
import { parsePrincipalRule } from '../../../shared/connections/principal.ts';
import { parseBody } from '../../../shared/contract/body.ts';
import { BrokerError, VendorError } from '../../../shared/contract/errors.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import {
  callerOperation,
  fillPath,
  matchRoute,
  publicOperation,
  ROUTES,
  type RouteKey,
} from '../../../shared/contract/routes.ts';
import {
  parseConsentCompletion,
  parseConsentRequest,
  parseSubject,
  parseTokenRequest,
} from '../../../shared/contract/schemas.ts';
import { parseClient } from '../../../shared/oauth/client-secret.ts';
import { discover } from '../../../shared/oauth/discovery.ts';
import { requestToken } from '../../../shared/oauth/token-endpoint.ts';
import { VENDORS } from '../../../shared/vendors/index.ts';
import { budgetOf, tokenCall } from '../../oauth/support.ts';
import { lambdaContext } from '../../support/lambda.ts';
import { CANARY, documents, nasty, onTheWire, outcomeOf, type Target } from './fuzz.ts';

function target<Input>(
  name: string,
  inputs: fc.Arbitrary<Input>,
  check: Target<Input>['check'],
): Target<Input> {
  return { name, inputs, check };
}

const KEYS = Object.keys(ROUTES) as RouteKey[];

/** Paths near those of the routes: a part of one replaced, left out or added. */
const paths = fc
  .tuple(
    fc.constantFrom(...KEYS),
    fc.array(nasty, { minLength: 3, maxLength: 3 }),
    fc.constantFrom('', '/', '//', '?', '#', ';x'),
  )
  .map(([key, parts, end]) => {
    let at = 0;
    return fillPath(key, () => parts[at++] ?? 'x') + end;
  });

const arns = fc
  .tuple(
    fc.constantFrom('arn:aws:', 'arn:aws-cn:', 'arn:', 'ARN:aws:', ''),
    fc.constantFrom('iam::', 'sts::', 'iam:us-east-1:'),
    fc.constantFrom('111122223333', '444455556666', '*', ''),
    fc.constantFrom(':role/', ':assumed-role/', ':user/', ':root', ':federated-user/', ':role/a/', '/'),
    fc.constantFrom('ci', 'ci/session', 'ci-*', '*', 'c*i', 'team/ci'),
    nasty,
  )
  .map((parts) => parts.slice(0, -1).join('') + (parts[5].length > 8 ? parts[5] : ''));

const TOKEN_MEMBERS = [
  'access_token',
  'refresh_token',
  'token_type',
  'expires_in',
  'scope',
  'error',
  'Error',
  'id_token',
];
const METADATA = [
  ...[
    'issuer',
    'token_endpoint',
    'authorization_endpoint',
    'device_authorization_endpoint',
    'userinfo_endpoint',
  ],
  ...[
    'revocation_endpoint',
    'pushed_authorization_request_endpoint',
    'require_pushed_authorization_requests',
  ],
];
const CONNECTION = [
  ...[
    'vendor',
    'grant',
    'scope',
    'secret',
    'callers',
    'client_auth',
    'issuer',
    'token_endpoint',
    'redirect_uri',
  ],
  ...[
    'api_hosts',
    'endpoint_hosts',
    'return_hosts',
    'token_params',
    'vendor_budget',
    'owner',
    'base_url',
    'refresh',
  ],
];
const hosts = fc.constantFrom(
  'https://as.example',
  'https://as.example@evil.example',
  'https://evil.example',
  'http://as.example',
  'https://127.0.0.1',
  'javascript:alert(1)',
  '//evil.example',
);
const urls = fc.tuple(hosts, nasty).map(([host, path]) => `${host}/${path}`);
const ISSUER = 'https://as.example';

/** With some members as they should be, so that what is behind the first check is reached too. */
const nearly = (names: readonly string[], good: Record<string, fc.Arbitrary<unknown>>) =>
  fc
    .tuple(documents(names), fc.record(good, { requiredKeys: [] }))
    .map(([any, some]) => ({ ...(typeof any === 'object' ? any : {}), ...some }));

const answered = (status: number, body: string) => async () => ({
  host: 'as.example',
  status,
  body,
  retryAfter: undefined,
  sentAt: 0,
  echoesSecret: (text: string) => text.includes('CANARY'),
});

/** Whatever it is asked, it says where that came through. */
function recordingBroker(): { broker: Broker; asked: unknown[] } {
  const asked: unknown[] = [];
  const broker = new Proxy({} as Broker, {
    get: (_, name) =>
      name === 'publicUrl'
        ? 'https://broker.example'
        : (input: unknown) => {
            asked.push(input);
            return Promise.resolve({ kind: 'unknown' });
          },
  });
  return { broker, asked };
}

/** What `act` gives; `undefined` for a refusal of this class, which may quote its input: that holds no secrets. */
async function taken<T>(act: () => T, kind: abstract new (...args: never[]) => Error) {
  try {
    return { value: await act() };
  } catch (error) {
    assert.ok(error instanceof kind, String(error));
    return undefined;
  }
}

export const TARGETS = [
  target(
    'paths',
    fc.tuple(fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'get'), paths),
    ([method, path]) => {
      const matched = matchRoute(method, path);
      if (!matched || !(callerOperation(matched.key, path) ?? publicOperation(matched.key, path))) return;
      const { connection, secret, consent, subject } = matched.parameters as Record<
        string,
        string | undefined
      >;
      for (const name of [connection, secret, consent])
        assert.match(name ?? 'absent', /^[A-Za-z0-9_-]{1,128}$/);
      assert.doesNotMatch(subject ?? 'absent', /\/|%2f/i);
      // No two readings: the path is what its parameters make.
      const parameters = Object.values(matched.parameters);
      assert.equal(
        fillPath(matched.key, () => parameters.shift()!),
        path,
      );
    },
  ),

  target(
    'bodies',
    fc.tuple(
      fc.oneof(
        documents(['scope', 'subject', 'params', 'min_ttl', 'rejected', 'code', 'replace', 'return_to']).map(
          (each) => JSON.stringify(each),
        ),
        nasty,
        fc.uint8Array({ maxLength: 64 }),
      ),
      fc.constantFrom(
        undefined,
        'application/json',
        'application/json; charset=utf-8',
        'text/plain',
        'application/x-www-form-urlencoded',
      ),
    ),
    async ([body, type]) => {
      for (const parse of [parseTokenRequest, parseConsentRequest, parseConsentCompletion]) {
        const outcome = await outcomeOf(() => parse(parseBody(body, type)), BrokerError);
        if ('error' in outcome) assert.equal((outcome.error as BrokerError).code, 'invalid_request');
        else {
          const { subject = 'x' } = outcome.value as { subject?: string };
          assert.match(subject, /^[^/\p{Cc}]{1,256}$/u);
        }
      }
      const outcome = await outcomeOf(() => parseSubject(body), BrokerError);
      if ('value' in outcome) assert.match(outcome.value, /^[^/\p{Cc}]{1,256}$/u);
    },
  ),

  target('principals against rules', fc.tuple(arns, arns), ([rule, caller]) => {
    const [by, who] = [parsePrincipalRule(rule), parsePrincipal(caller)];
    if (!by || !who || !covers(by, who)) return;
    const account = (arn: string) => /^arn:(aws[a-z-]*):(?:iam|sts)::(\d{12}):/.exec(arn)!.slice(1);
    assert.deepEqual(account(rule), account(caller));
    if (rule.endsWith(':root')) return;
    const [name] = /[^/]+$/.exec(rule)!;
    const named = /:(?:user\/(?:.+\/)?|assumed-role\/)([^/]+)(?:\/[^/]+)?$/.exec(caller)![1]!;
    const pattern = name
      .split('*')
      .map((part) => part.replace(/[+.]/g, '\\$&'))
      .join('.*');
    assert.match(caller.includes(':user/') ? /[^/]+$/.exec(caller)![0] : named, new RegExp(`^${pattern}$`));
  }),

  target(
    "vendors' answers",
    fc.tuple(
      fc.oneof(fc.constant(200), fc.integer({ min: 100, max: 999 })),
      fc.oneof(
        nearly(TOKEN_MEMBERS, {
          access_token: fc.constant(`at-${CANARY}`),
          token_type: fc.constant('Bearer'),
        }).map((each) => JSON.stringify(each)),
        nasty,
      ),
      fc.constantFrom(...Object.values(VENDORS)),
    ),
    async ([status, body, { dialect }]) => {
      const budget = { ...budgetOf(), exchange: answered(status, body) };
      const call = tokenCall('https://as.example', { budget, dialect: { ...dialect, encoding: 'form' } });
      const reply = await outcomeOf(() => requestToken(call), VendorError);
      if ('error' in reply) {
        const { vendorError = 'none' } = reply.error as VendorError;
        return assert.match(vendorError, /^[A-Za-z0-9_.-]{1,64}$/);
      }
      const token = await outcomeOf(() => reply.value.token(), VendorError);
      if ('error' in token) return;
      const { accessToken, expiresAt } = token.value;
      assert.match(accessToken.reveal(), /^[\x21-\x7E]+$/);
      assert.ok(expiresAt >= 0 && expiresAt <= 24 * 3_600_000);
    },
  ),

  target(
    'metadata documents',
    nearly(METADATA, {
      issuer: fc.constant(ISSUER),
      token_endpoint: fc.oneof(fc.constant(`${ISSUER}/token`), urls),
      authorization_endpoint: urls,
      revocation_endpoint: urls,
    }),
    async (document) => {
      const budget = { ...budgetOf(), exchange: answered(200, JSON.stringify(document)) };
      const options = { allowLoopbackHttp: false, endpointHosts: [], budget };
      const outcome = await outcomeOf(() => discover(ISSUER, options), VendorError);
      if ('error' in outcome) return;
      for (const [name, value] of Object.entries(outcome.value)) {
        if (name.endsWith('Endpoint')) assert.equal(new URL(value as string).origin, ISSUER);
      }
    },
  ),

  target(
    'connections files',
    fc.oneof(
      nearly(CONNECTION, {
        vendor: fc.constantFrom('custom', ...Object.keys(VENDORS)),
        scope: fc.constantFrom('read', 'symbols', ['read']),
        issuer: urls,
        token_endpoint: fc.oneof(fc.constant(`${ISSUER}/token`), urls),
        grant: fc.constantFrom('client_credentials', 'authorization_code'),
        redirect_uri: urls,
      }).map((entry) => JSON.stringify({ connections: { it: entry } })),
      documents(['connections']).map((each) => JSON.stringify(each)),
      nasty,
    ),
    async (text) => {
      const options = { vendors: VENDORS, allowLoopbackHttp: false };
      const parsed = await taken(() => parseConnectionsText(text, options), ConnectionsFileError);
      for (const connection of parsed?.value.values() ?? []) {
        for (const [name, value] of Object.entries(connection)) {
          if (name.endsWith('Endpoint') || name === 'issuer')
            assert.equal(new URL(value as string).protocol, 'https:');
        }
      }
    },
  ),

  target(
    'secret payloads',
    fc.tuple(
      fc.oneof(
        documents(['client_id', 'client_secret', 'private_key', 'key_id', 'certificate']).map((each) =>
          JSON.stringify(each),
        ),
        nasty,
      ),
      fc.constantFrom(...CLIENT_AUTH_METHODS),
    ),
    async ([text, method]) => {
      const secret = `${text.slice(0, -1)}${CANARY}${text.slice(-1)}`;
      for (const value of [text, secret]) {
        const outcome = await outcomeOf(
          () => parseClient(new Redacted(value), method, 'team/it'),
          BrokerError,
        );
        if ('error' in outcome) assert.equal((outcome.error as BrokerError).code, 'secret_unavailable');
        else assert.doesNotMatch(outcome.value.clientId, /\p{Cc}/u);
      }
    },
  ),

  target(
    'callback and consent requests',
    fc.record({
      route: fc.constantFrom(
        'GET /callback',
        'GET /callback/{connection}',
        'GET /consent/{secret}',
        'POST /consent/{secret}',
        '$default',
        'GET /connections',
      ),
      part: fc.oneof(nasty, fc.constant('a'.repeat(43))),
      query: fc.oneof(
        nasty,
        fc
          .array(fc.tuple(fc.constantFrom('code', 'state', 'iss', 'error'), nasty))
          .map((pairs) =>
            new URLSearchParams(
              pairs.map(([name, value]): [string, string] => [name, value.toWellFormed()]),
            ).toString(),
          ),
      ),
      cookies: fc.array(
        nasty.map((value) => `__Host-token-broker=${value}`),
        { maxLength: 2 },
      ),
      body: nasty,
    }),
    async ({ route, part, query, cookies, body }) => {
      const { broker, asked } = recordingBroker();
      const key = route as RouteKey;
      const event = {
        routeKey: route,
        rawPath: key in ROUTES ? fillPath(key, () => part) : `/${part}`,
        rawQueryString: query,
        pathParameters: { connection: part, secret: part },
        headers: {},
        cookies,
        body,
      } as unknown as APIGatewayProxyEventV2;
      const { statusCode, body: page } = await callbackHandler(broker)(event, lambdaContext());
      assert.ok([400, 403, 404].includes(statusCode ?? 0), `HTTP ${statusCode}`);
      assert.match(String(page), /^<!doctype html>/);
      assert.ok(
        !String(page).includes(CANARY) && !String(page).includes('<script>'),
        'the page repeats what was sent',
      );
      for (const { secret = '' } of asked as { secret?: string }[])
        assert.match(secret, /^([A-Za-z0-9_-]{43})?$/);
    },
  ),

  target('requests for public keys', nasty, async (part) => {
    const { broker, asked } = recordingBroker();
    const routeKey = 'GET /jwks/{connection}';
    const event = { routeKey, rawPath: `/jwks/${part}`, pathParameters: { connection: part }, headers: {} };
    const answer = await callbackHandler(broker)(event as unknown as APIGatewayProxyEventV2, lambdaContext());
    assert.equal(answer.statusCode, asked.length === 1 ? 200 : 404);
    for (const { connection } of asked as { connection: string }[])
      assert.match(connection, /^[A-Za-z0-9_-]{1,64}$/);
  }),

  target('scheduler events', fc.oneof(documents(['shard', 'look_ahead']), fc.anything()), async (event) => {
    const { broker, asked } = recordingBroker();
    const report = await taken(() => refreshHandler(broker)(event, lambdaContext()), ValiError);
    assert.equal(asked.length, report ? 1 : 0);
    for (const { shard, lookAhead } of asked as { shard: number; lookAhead: number }[]) {
      assert.ok(Number.isInteger(shard) && shard >= 0 && lookAhead >= 0 && lookAhead <= 90_000);
    }
  }),

  target(
    'rotation events',
    fc.oneof(documents(['Step', 'SecretId', 'ClientRequestToken']), fc.anything()),
    async (event) => {
      const untouched = new Proxy({} as never, {
        get: (_, name) => (name === 'timeout' ? 1 : { send: assert.fail }),
      });
      const rotate = keyringRotation({
        manager: untouched,
        dynamo: untouched,
        grantsTable: 'g',
        clock: budgetOf().clock,
      });
      assert.equal(await taken(() => rotate(event), ValiError), undefined);
    },
  ),

  target(
    'signatures',
    fc.record({
      authorization: fc.oneof(
        onTheWire,
        fc
          .tuple(
            fc.constantFrom('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256', 'Bearer', ''),
            fc.constantFrom('local', 'role-ci', 'AKIA'),
            fc.oneof(fc.constant('us-east-1/execute-api/aws4_request'), onTheWire),
            fc.constantFrom('host;x-amz-date', 'host', 'x-amz-date', ''),
            fc.oneof(fc.constant('0'.repeat(64)), onTheWire),
          )
          .map(
            ([scheme, key, scope, signed, signature]) =>
              `${scheme} Credential=${key}/20300102/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
          ),
      ),
      date: fc.oneof(fc.constant('20300102T030405Z'), onTheWire),
      query: onTheWire,
      path: onTheWire,
    }),
    async ({ authorization, date, query, path }) => {
      const request: Received = {
        method: 'POST',
        rawPath: `/${path}`,
        rawQuery: query,
        headers: { authorization, 'x-amz-date': date, host: '127.0.0.1:8787' },
        body: Buffer.from('{}'),
        tooLarge: false,
        sourceIp: '127.0.0.1',
      };
      const expected = {
        service: 'execute-api',
        region: 'us-east-1',
        now: Date.UTC(2030, 0, 2, 3, 4, 5),
        key: 'local',
      };
      const outcome = await outcomeOf(() => verifySignature(request, expected), SignatureRefused);
      assert.ok('error' in outcome, 'a signature of chance is accepted');
    },
  ),
] as unknown as readonly Target<unknown>[];

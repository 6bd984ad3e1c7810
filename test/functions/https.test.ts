import { beforeAll, describe, expect, test } from 'vitest';
import { answered } from '../../functions/http-answers.ts';
import { httpsHandler } from '../../functions/https.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { ERROR_CODES, type ErrorCode } from '../../shared/contract/errors.ts';
import { brokerWorld, mints } from '../support/broker.ts';
import {
  answerOf,
  type HttpAnswer,
  type HttpsRequest,
  httpsEvent,
  lambdaContext,
} from '../support/lambda.ts';

const world = brokerWorld();

const CI = 'arn:aws:sts::111122223333:assumed-role/ci-main/i-1';
const NOBODY = 'arn:aws:sts::111122223333:assumed-role/nobody/i-1';

let symbols: Connection;
let onboarding: Connection;
let guarded: Connection;
let portal: Connection;
let send: (request: HttpsRequest) => Promise<HttpAnswer>;

beforeAll(async () => {
  symbols = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
  const scopes = ['application', 'application.read', 'application.session'];
  onboarding = await world.connect({ vendor: 'bits', scopes, scope: 'application' }, 'bits');
  const callers = [
    { principal: 'arn:aws:iam::111122223333:role/ci-*', scopes: ['application'] },
    { principal: 'arn:aws:iam::111122223333:role/reader', actions: ['read'] },
  ];
  guarded = await world.connect({ vendor: 'bits', scopes, scope: 'application', callers }, 'bits');
  const members = { vendor: 'bugfender', grant: 'authorization_code', callers };
  portal = await world.connect(
    { ...members, callers: [{ principal: callers[1]!.principal }] },
    'bugfender-integration',
  );
  send = sender([symbols, onboarding]);
});

/** The handler as it is deployed, over HTTP. */
function sender(connections: readonly Connection[]): typeof send {
  const handler = answered(httpsHandler(world.process(connections).broker));
  return async (request) => answerOf(await handler(httpsEvent(request), lambdaContext()));
}

const token = (connection: Connection, body: unknown = {}, more: Partial<HttpsRequest> = {}) =>
  send({
    request: `POST /connections/${connection.name}/token`,
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    ...more,
  });

function expectError({ status, headers, body, text }: HttpAnswer, code: ErrorCode): void {
  expect(body.error).toBe(code);
  expect(status).toBe(ERROR_CODES[code].status);
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['content-type']).toMatch(/^application\/json/);
  expect(text).not.toMatch(/\.ts\b|node_modules|\bat .*:\d+|stack/);
}

describe('a token answer', () => {
  test('is RFC 6749’s, plus where the token came from, and may be stored by nobody', async () => {
    const { status, headers, body } = await token(symbols);
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      minted_at: expect.any(String),
      source: 'vendor',
    });
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  test.each<[string, string | undefined, string | null]>([
    ['no body at all', undefined, null],
    ['an empty body of any type', '', 'text/plain'],
    ['a JSON body', '{}', 'application/json'],
    ['a JSON body that says its charset', '{}', 'application/json; charset=UTF-8'],
    ['a JSON body without a type', '{"min_ttl":0}', null],
  ])('comes for %s', async (_, body, contentType) => {
    const request = `POST /connections/${symbols.name}/token`;
    expect((await send({ request, contentType, ...(body !== undefined && { body }) })).status).toBe(200);
  });

  test('comes for a body that travels as base64', async () => {
    const body = Buffer.from('{"scope":"application.read"}');
    expect((await token(onboarding, body)).body).toMatchObject({ scope: 'application.read' });
  });

  test('comes for a scope with its claims', async () => {
    const params = { application_id: 'a', workflow_id: 'w', redirect_url: 'https://example.com/é?a=b&c' };
    const answer = await token(onboarding, { scope: 'application.session', params });
    expect(answer.body).toMatchObject({ scope: 'application.session', source: 'vendor' });
  });
});

describe('bad input is invalid_request that says what is wrong with what', () => {
  const params = { application_id: 'a', workflow_id: 'w', redirect_url: 'https://example.com' };
  test.each<[string, unknown, RegExp, Partial<HttpsRequest>?]>([
    ['text that is no JSON', 'hello', /^The body is not JSON/],
    ['half of a JSON text', '{"min_ttl":', /^The body is not JSON/],
    ['NUL', '\u0000', /^The body is not JSON/],
    ['NUL in a string', '{"subject":"a\u0000b"}', /not JSON/],
    ['an escaped NUL in a string', '{"subject":"a\\u0000b"}', /^subject: must be .*control characters/],
    ['a lone surrogate', '{"subject":"\\ud800"}', /^subject: must be/],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /^The body is not UTF-8/],
    ['overlong UTF-8', Buffer.from([0x7b, 0xc0, 0x80, 0x7d]), /^The body is not UTF-8/],
    ['an array', [], /^The body must be a JSON object/],
    ['null', 'null', /^The body must be a JSON object/],
    ['a number', '1', /^The body must be a JSON object/],
    [
      'a form',
      'scope=symbols',
      /^The body must be application\/json.*curl/,
      { contentType: 'application/x-www-form-urlencoded' },
    ],
    [
      'another charset',
      '{}',
      /^The body must be application\/json in UTF-8/,
      { contentType: 'application/json; charset=latin1' },
    ],
    ['a megabyte', JSON.stringify({ subject: 'x'.repeat(1_048_576) }), /larger than 65536 bytes/],
    ['a megabyte as base64', Buffer.alloc(1_048_576, 0x20), /larger than 65536 bytes/],
    [
      'unknown members',
      { scopes: 'symbols', minTtl: 1 },
      /^Unknown: "scopes" \(did you mean .scope.\?\), "minTtl".*Allowed: subject, scope/,
    ],
    ['members of Object', '{"__proto__":{"scope":"x"}}', /^Unknown: "__proto__"/],
    [
      'a foreign scope',
      { scope: 'restricted' },
      /^scope: not allowed for this connection: restricted\. Allowed: symbols/,
    ],
    ['two scopes where one is allowed', { scope: 'symbols restricted' }, /^scope: .*restricted/],
    ['a scope with a line break', { scope: 'symbols\n' }, /^scope: must be scope tokens/],
    ['an empty scope', { scope: '' }, /^scope: must be/],
    ['a scope list', { scope: ['symbols'] }, /^scope: must be/],
    ['a negative min_ttl', { min_ttl: -1 }, /^min_ttl: must be a whole number of seconds from 0 to 86400/],
    ['a fractional min_ttl', { min_ttl: 0.5 }, /^min_ttl: must be a whole number/],
    ['a huge min_ttl', { min_ttl: 86_401 }, /^min_ttl: must be a whole number/],
    ['an immense min_ttl', '{"min_ttl":1e400}', /^min_ttl: must be a whole number/],
    ['a min_ttl in words', { min_ttl: '60' }, /^min_ttl: must be a whole number/],
    [
      'a token for its fingerprint',
      { rejected: 'eyJhbGciOi.x.y' },
      /^rejected: must be the refused token's fingerprint/,
    ],
    [
      'a subject of a connection that has none',
      { subject: 'ada' },
      /^subject: this connection acts for itself/,
    ],
    ['a subject with a slash', { subject: 'a/b' }, /^subject: must be/],
    [
      'params that the scope has not',
      { params: { application_id: 'a' } },
      /^params: not allowed with this scope: "application_id"\. Allowed: none/,
    ],
    ['params that are no object', { params: ['a'] }, /^params: must be an object/],
    ['several mistakes', { min_ttl: -1, scope: 1, more: 1 }, /^Unknown: "more".* scope: .* min_ttl: /],
  ])('%s', async (_, body, text, more) => {
    const answer = await token(symbols, body, more);
    expectError(answer, 'invalid_request');
    expect(answer.body.error_description).toMatch(text);
  });

  test.each<[string, object, RegExp]>([
    [
      'no claims',
      { scope: 'application.session' },
      /^params: missing application_id, workflow_id, redirect_url, which scope application\.session needs/,
    ],
    [
      'one claim too few',
      { scope: 'application.session', params: { application_id: 'a', workflow_id: 'b' } },
      /^params: missing redirect_url/,
    ],
    [
      'a claim too many',
      { scope: 'application.session', params: { ...params, client_id: 'x' } },
      /^params: not allowed with this scope: "client_id"/,
    ],
    [
      'a claim that is no string',
      { scope: 'application.session', params: { ...params, workflow_id: 7 } },
      /^params\.workflow_id: must be a string/,
    ],
    [
      'a claim with a line break',
      { scope: 'application.session', params: { ...params, workflow_id: 'a\nb' } },
      /^params\.workflow_id/,
    ],
    ['a parameter of OAuth’s own', { params: { grant_type: 'password' } }, /^params: not allowed/],
  ])('a Bits request with %s', async (_, body, text) => {
    const answer = await token(onboarding, body);
    expectError(answer, 'invalid_request');
    expect(answer.body.error_description).toMatch(text);
  });

  test('and none of it has reached a vendor', () => {
    expect(mints(world, 'bugsplat') + mints(world, 'bits')).toBe(0);
  });

  test('a value that was sent is not repeated', async () => {
    const { text } = await token(symbols, {
      rejected: 'canary-token',
      subject: 'a/canary',
      scope: 'a"canary',
    });
    expect(text).not.toContain('canary');
  });

  test('userinfo of a vendor that has no such endpoint', async () => {
    const answer = await send({ request: `GET /connections/${symbols.name}/userinfo` });
    expectError(answer, 'invalid_request');
    expect(answer.body.error_description).toBe('Vendor "bugsplat" has no token-owner endpoint.');
  });

  test('consent for a connection that acts for itself', async () => {
    const answer = await send({ request: `POST /connections/${symbols.name}/consent`, body: '{}' });
    expectError(answer, 'invalid_request');
    expect(answer.body.error_description).toMatch(/client_credentials/);
  });
});

describe('a path that is none of ours, or another one in disguise,', () => {
  test.each([
    'POST /connections//token',
    'POST /connections/NAME//token',
    'POST /connections/NAME/token/',
    'POST //connections/NAME/token',
    'POST /connections/./NAME/token',
    'POST /connections/other/../NAME/token',
    'POST /connections/NAME%2Ftoken',
    'POST /connections/NAME%2ftoken/token',
    'POST /connections/%2e%2e/NAME/token',
    'POST /connections/NAME%00/token',
    'POST /connections/NAME;x=y/token',
    'POST /connections/NAME\\token',
    'POST /connections/NAM%45/token',
    'POST /CONNECTIONS/../NAME/token',
    `POST /connections/${'n'.repeat(65)}/token`,
    'GET /',
    'GET /callback',
  ])('%s is refused', async (request) => {
    const direct = request.replace('NAME', symbols.name);
    for (const route of ['POST /connections/{connection}/token', '$default']) {
      expectError(await send({ request: direct, route }), 'access_denied');
    }
    expect(mints(world, 'bugsplat')).toBe(0);
  });

  test('is refused even where a path parameter names the connection all the same', async () => {
    const handler = answered(httpsHandler(world.process(symbols).broker));
    const event = httpsEvent({
      request: `POST /connections/x/../${symbols.name}/token`,
      route: 'POST /connections/{connection}/token',
    });
    const answer = answerOf(
      await handler({ ...event, pathParameters: { connection: symbols.name } }, lambdaContext()),
    );
    expectError(answer, 'access_denied');
  });
});

describe('callers', () => {
  const ask = async (request: HttpsRequest) => sender([guarded, portal])(request);
  const tokenRoute = (name: string) => `POST /connections/${name}/token`;

  test('that a connection admits get tokens, the others the same answer as for a connection that is not there', async () => {
    const allowed = await ask({ request: tokenRoute(guarded.name), caller: CI, body: '{}' });
    expect(allowed.status).toBe(200);
    const missing = 'c-00000000-0000-0000-0000-000000000000';
    for (const body of ['{}', 'not JSON', '{"unknown":1}', '{"scope":"application.read"}']) {
      const existing = await ask({ request: tokenRoute(guarded.name), caller: NOBODY, body });
      const absent = await ask({ request: tokenRoute(missing), caller: NOBODY, body });
      expectError(existing, 'access_denied');
      expect(existing).toEqual(absent);
    }
  });

  test.each<[string, HttpsRequest]>([
    ['without an identity', { request: 'POST /connections/NAME/token', caller: null }],
    ['whose identity cannot be parsed', { request: 'POST /connections/NAME/token', caller: 'ci-main' }],
    ['of another account', { request: 'POST /connections/NAME/token', caller: CI.replace('1111', '9999') }],
    [
      'of another partition',
      { request: 'POST /connections/NAME/token', caller: CI.replace(':aws:', ':aws-cn:') },
    ],
    [
      'whose session has an admitted name',
      { request: 'POST /connections/NAME/token', caller: NOBODY.replace('i-1', 'ci-main') },
    ],
    [
      'with a scope that their rule has not',
      { request: 'POST /connections/NAME/token', caller: CI, body: '{"scope":"application.read"}' },
    ],
    [
      'who may read only',
      { request: 'POST /connections/NAME/token', caller: NOBODY.replace('nobody', 'reader') },
    ],
    [
      'for an action that their rule has not',
      { request: 'POST /connections/NAME/consent', caller: CI, body: '{}' },
    ],
    ['for revoking', { request: 'DELETE /connections/NAME/grants/default', caller: CI }],
  ])('%s are refused', async (_, request) => {
    const answer = await ask({ ...request, request: request.request.replace('NAME', guarded.name) });
    expectError(answer, 'access_denied');
    expect(answer.body).not.toHaveProperty('retry_after');
  });

  test('hear of a missing connection only where every connection admits them', async () => {
    const unknown = await send({ request: tokenRoute('nowhere'), body: '{}' });
    expectError(unknown, 'unknown_connection');
    expectError(await ask({ request: tokenRoute('nowhere'), caller: CI, body: '{}' }), 'access_denied');
  });

  test('see the connections that they may read, and no others', async () => {
    const names = async (caller: string) => {
      const { body } = await ask({ request: 'GET /connections', caller });
      return (body.connections as { connection: string }[]).map(({ connection }) => connection);
    };
    expect(await names(CI)).toEqual([guarded.name]);
    expect(await names(NOBODY.replace('nobody', 'reader'))).toEqual([guarded.name, portal.name]);
    expect(await names(NOBODY)).toEqual([]);
  });
});

describe('the other routes', () => {
  test('a connection shows its settings and its token’s times, never a secret', async () => {
    await token(onboarding);
    const { body, text, headers } = await send({ request: `GET /connections/${onboarding.name}` });
    expect(body).toMatchObject({
      connection: onboarding.name,
      vendor: 'bits',
      grant_type: 'client_credentials',
      scope: 'application',
      rejection_statuses: [401, 403],
      expires_at: expect.any(String),
    });
    expect(headers['cache-control']).toBe('no-store');
    for (const issued of world.vendors.bits.issuedTokens()) expect(text).not.toContain(issued);
  });

  // First: what was told of a token serves for a minute.
  test('userinfo replaces a token that the vendor has revoked, once', async () => {
    await token(onboarding);
    world.vendors.bits.revokeAll();
    const answer = await send({ request: `GET /connections/${onboarding.name}/userinfo` });
    expect(answer.status).toBe(200);
    expect(mints(world, 'bits')).toBe(1);
  });

  test('userinfo answers whose the token is, and gives the token to nobody', async () => {
    const answer = await send({ request: `GET /connections/${onboarding.name}/userinfo` });
    expect(answer.body).toEqual({ customerId: expect.stringMatching(/^bits:customer::/) });
  });

  test('one connection that cannot be looked at hides no other', async () => {
    world.dynamodb.inject('reset');
    const { status, body } = await sender([symbols, portal])({
      request: 'GET /connections',
      caller: NOBODY.replace('nobody', 'reader'),
    });
    expect(status).toBe(200);
    expect(body.connections).toEqual([
      { connection: symbols.name, last_failure: { error: 'store_unavailable', at: expect.any(String) } },
      { connection: portal.name, last_failure: { error: 'store_unavailable', at: expect.any(String) } },
    ]);
  });
});

describe('a failure', () => {
  test('that passes says when to ask again, in the body and in Retry-After', async () => {
    const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
    world.vendors.bugsplat.setFault({ fault: 'too_many_requests', retry_after: 17, times: 0 });
    const answer = await sender([connection])({ request: `POST /connections/${connection.name}/token` });
    expectError(answer, 'vendor_unavailable');
    expect(answer.body.retry_after).toBe(17);
    expect(answer.headers['retry-after']).toBe('17');
  });

  test('that stays has no Retry-After', async () => {
    const answer = await token(symbols, 'x');
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  test('of ours is internal, and shows nothing but the request id', async () => {
    const { broker } = world.process(symbols);
    const defect = async () => {
      throw new TypeError('canary');
    };
    const handler = answered(httpsHandler({ ...broker, token: defect }));
    const context = lambdaContext();
    const event = httpsEvent({ request: `POST /connections/${symbols.name}/token` });
    const answer = answerOf(await handler(event, context));
    expectError(answer, 'internal');
    expect(answer.body).toEqual({
      error: 'internal',
      error_description: `Internal error. Request id: ${context.awsRequestId}`,
    });
  });
});

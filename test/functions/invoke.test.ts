import { beforeAll, describe, expect, test } from 'vitest';
import { InvokeError, invokeHandler } from '../../functions/invoke.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { brokerWorld, mints } from '../support/broker.ts';
import { INVOKE_ARN, lambdaContext } from '../support/lambda.ts';

const world = brokerWorld();

const CALLERS = [{ principal: 'arn:aws:iam::111122223333:role/ci' }];

let open: Connection;
let other: Connection;
let guarded: Connection;
let willing: Connection;
let invoke: (event: unknown, qualifier: string | undefined, remaining?: number) => Promise<object>;

beforeAll(async () => {
  const members = { vendor: 'bugsplat', scope: 'symbols' };
  open = await world.connect(members, 'bugsplat-symbols');
  other = await world.connect(members, 'bugsplat-symbols');
  guarded = await world.connect({ ...members, callers: CALLERS }, 'bugsplat-symbols');
  willing = await world.connect({ ...members, callers: CALLERS, direct_invoke: true }, 'bugsplat-symbols');
  const handler = invokeHandler(world.process([open, other, guarded, willing]).broker);
  invoke = (event, qualifier, remaining) =>
    handler(
      event,
      lambdaContext(qualifier === undefined ? INVOKE_ARN : `${INVOKE_ARN}:${qualifier}`, remaining),
    );
});

/** The function error as Lambda's runtime would report it. */
async function failure(attempt: Promise<unknown>) {
  const error = await attempt.then(
    () => Promise.reject(new Error('It was answered.')),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvokeError)) throw error;
  const { name: errorType, message: errorMessage, stack } = error;
  return { errorType, errorMessage, stack, answer: JSON.parse(errorMessage) };
}

describe('a direct invoke of the connection’s alias', () => {
  test('gets the token object itself', async () => {
    expect(await invoke({}, open.name)).toMatchObject({
      access_token: expect.any(String),
      token_type: 'Bearer',
    });
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['nothing', undefined],
    ['an empty object', {}],
    ['members of the token route', { min_ttl: 60, scope: 'symbols' }],
  ])('takes %s for its event', async (_, event) => {
    expect(await invoke(event, open.name)).toHaveProperty('access_token');
  });

  test('may name the connection that it invokes', async () => {
    expect(await invoke({ connection: open.name }, open.name)).toHaveProperty('access_token');
  });

  test('of a connection with callers is possible where the file says so', async () => {
    expect(await invoke({}, willing.name)).toHaveProperty('access_token');
  });
});

describe('refused is', () => {
  test.each<[string, string | undefined]>([
    ['an unqualified invoke', undefined],
    ['$LATEST', '$LATEST'],
    ['a version', '17'],
    ['an empty qualifier', ''],
    ['a qualifier that no connection may have', 'a.b'],
  ])('%s', async (_, qualifier) => {
    for (const event of [{}, { connection: open.name }]) {
      const { errorType, answer } = await failure(invoke(event, qualifier));
      expect(errorType).toBe('access_denied');
      expect(answer.error_description).toMatch(/Invoke this function by the alias/);
    }
  });

  test('an event that names another connection than the alias', async () => {
    for (const connection of [other.name, guarded.name, 'nowhere', null, 7, [open.name], '']) {
      expect(await failure(invoke({ connection }, open.name))).toMatchObject({ errorType: 'access_denied' });
    }
  });

  test('an alias that is no connection', async () => {
    const { errorType } = await failure(invoke({}, 'nowhere'));
    expect(errorType).toBe('access_denied');
  });

  test('a connection with callers, whose identity Lambda does not tell', async () => {
    const { errorType, answer } = await failure(invoke({}, guarded.name));
    expect(errorType).toBe('access_denied');
    expect(answer.error_description).toMatch(/"direct_invoke": true/);
  });

  test('an identity that the event brings along', async () => {
    const arn = 'arn:aws:sts::111122223333:assumed-role/ci/session';
    const iam = { userArn: arn, accountId: '111122223333' };
    const forged = {
      routeKey: `POST /connections/{connection}/token`,
      rawPath: `/connections/${guarded.name}/token`,
      pathParameters: { connection: guarded.name },
      requestContext: { authorizer: { iam } },
      body: '{}',
    };
    expect(await failure(invoke(forged, guarded.name))).toMatchObject({ errorType: 'access_denied' });
    for (const more of [forged, { caller: { arn, via: 'https' } }, { principal: arn }, { userArn: arn }]) {
      expect(await failure(invoke(more, open.name))).toMatchObject({ errorType: 'invalid_request' });
    }
  });

  test('and nothing of it has reached the vendor', () => {
    expect(mints(world, 'bugsplat')).toBe(0);
  });
});

describe('a function error', () => {
  test('has the code for its type, the error object for its message, and no stack', async () => {
    const { errorType, errorMessage, stack, answer } = await failure(invoke({ min_ttl: -1 }, open.name));
    expect(errorType).toBe('invalid_request');
    expect(answer).toEqual({
      error: 'invalid_request',
      error_description: 'min_ttl: must be a whole number of seconds from 0 to 86400.',
    });
    expect(errorMessage).toBe(JSON.stringify(answer));
    expect(stack).toBe('');
  });

  test.each<[string, unknown, RegExp]>([
    ['text', 'hello', /must be a JSON object/],
    ['a list', [], /must be a JSON object/],
    ['a number', 7, /must be a JSON object/],
    ['unknown members', { body: '{}' }, /^Unknown: "body"/],
    ['a foreign scope', { scope: 'restricted' }, /^scope: not allowed/],
    ['a subject with NUL', { subject: 'a\u0000' }, /^subject: must be/],
    ['a lone surrogate', { subject: '\ud800' }, /^subject: must be/],
    ['a megabyte', { subject: 'x'.repeat(1_048_576) }, /^subject: must be/],
  ])('is invalid_request for an event that is or has %s', async (_, event, text) => {
    const { errorType, answer } = await failure(invoke(event, open.name));
    expect(errorType).toBe('invalid_request');
    expect(answer.error_description).toMatch(text);
  });

  test('says when to ask again', async () => {
    const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
    const handler = invokeHandler(world.process(connection).broker);
    const context = lambdaContext(`${INVOKE_ARN}:${connection.name}`, 5_000);
    const { errorType, answer } = await failure(handler({}, context));
    expect(errorType).toBe('busy');
    expect(answer.retry_after).toBe(1);
  });

  test('of ours is internal, and shows nothing but the request id', async () => {
    const { broker } = world.process(open);
    const defect = async () => {
      throw new TypeError('canary');
    };
    const context = lambdaContext(`${INVOKE_ARN}:${open.name}`);
    const { errorType, answer, stack } = await failure(
      invokeHandler({ ...broker, token: defect })({}, context),
    );
    expect(errorType).toBe('internal');
    expect(answer).toEqual({
      error: 'internal',
      error_description: `Internal error. Request id: ${context.awsRequestId}`,
    });
    expect(stack).toBe('');
  });
});

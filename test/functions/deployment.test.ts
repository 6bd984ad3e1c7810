/** The custom resources, asked as CloudFormation asks, against a Lambda control plane in small. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deploymentHandler } from '../../functions/deployment.ts';

/** Versions by alias, calls in order, and what CloudFormation was answered. */
let aliases: Map<string, string>;
let calls: string[];
let answers: Record<string, string>[];
let refused: string | undefined;

const server = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const body = text && JSON.parse(text);
  if (request.url === '/answer') {
    answers.push({ ...body, contentType: request.headers['content-type'] });
    return response.end();
  }
  const name = body?.Name ?? request.url!.split('/').at(-1);
  calls.push(`${request.method} ${name}`);
  const fails = (status: number, type: string) =>
    response.writeHead(status, { 'x-amzn-errortype': type }).end(JSON.stringify({ Message: type }));
  if (name === refused) return fails(403, 'AccessDeniedException');
  if (request.method === 'POST' && aliases.has(name)) return fails(409, 'ResourceConflictException');
  if (request.method !== 'POST' && !aliases.has(name)) return fails(404, 'ResourceNotFoundException');
  if (request.method === 'DELETE') aliases.delete(name);
  else aliases.set(name, body.FunctionVersion);
  return response.end('{}');
});
let origin: string;
let handler: (event: unknown) => Promise<void>;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  handler = deploymentHandler(new LambdaClient({ endpoint: origin, region: 'us-east-1', credentials }));
});
afterAll(() => server.close());
beforeEach(() => {
  aliases = new Map();
  calls = [];
  answers = [];
  refused = undefined;
});

interface Asked {
  readonly type: 'Create' | 'Update' | 'Delete';
  readonly resource: string;
  readonly now: object;
  readonly before?: object;
  readonly id?: string;
}

async function ask({ type, resource, now, before, id }: Asked): Promise<Record<string, string>> {
  await handler({
    RequestType: type,
    ResponseURL: `${origin}/answer`,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: 'logical',
    ResourceType: `Custom::${resource}`,
    ResourceProperties: now,
    ...(before && { OldResourceProperties: before }),
    ...(id && { PhysicalResourceId: id }),
  });
  return answers.at(-1)!;
}

describe('the aliases of direct invoke', () => {
  const wanted = (Version: string, Connections: Record<string, string>, Code = 'c') => ({
    FunctionName: 'token-broker-invoke',
    Version,
    Common: { Code },
    Connections,
  });
  const put = (type: Asked['type'], now: object, before?: object) =>
    ask({
      type,
      resource: 'InvokeAliases',
      now,
      ...(before && { before, id: 'token-broker-invoke-aliases' }),
    });
  const one = wanted('1', { crash: 'a', logs: 'a' });

  test('are made, and CloudFormation is told so', async () => {
    expect(await put('Create', one)).toEqual({
      StackId: 'stack',
      RequestId: 'request',
      LogicalResourceId: 'logical',
      Status: 'SUCCESS',
      PhysicalResourceId: 'token-broker-invoke-aliases',
      contentType: '',
    });
    expect([...aliases]).toEqual([
      ['crash', '1'],
      ['logs', '1'],
    ]);
  });

  test('move only where their own connection has changed, and go with it', async () => {
    await put('Create', one);
    calls = [];
    await put('Update', wanted('2', { logs: 'b', pay: 'a' }), one);
    expect(calls).toEqual(['POST logs', 'PUT logs', 'POST pay', 'DELETE crash']);
    expect([...aliases]).toEqual([
      ['logs', '2'],
      ['pay', '2'],
    ]);
  });

  test('move all when the code or its environment has changed', async () => {
    await put('Create', one);
    await put('Update', wanted('2', { crash: 'a', logs: 'a' }, 'new'), one);
    expect([...aliases.values()]).toEqual(['2', '2']);
  });

  test('go back to where they were when a deployment is rolled back half-way', async () => {
    await put('Create', one);
    const two = wanted('2', { crash: 'b', logs: 'b' });
    refused = 'logs';
    const { Status, Reason } = await put('Update', two, one);
    expect({ Status, Reason }).toEqual({
      Status: 'FAILED',
      Reason: 'AccessDeniedException: AccessDeniedException',
    });
    expect(aliases.get('crash')).toBe('2');
    refused = undefined;
    await put('Update', one, two);
    expect([...aliases.values()]).toEqual(['1', '1']);
  });

  test('go when the stack goes, even if the function went first', async () => {
    await put('Create', one);
    aliases.delete('logs');
    expect(await put('Delete', one)).toMatchObject({ Status: 'SUCCESS' });
    expect(aliases.size).toBe(0);
  });
});

describe('the stage guard', () => {
  const guard = (type: Asked['type'], stage: string, id?: string, before?: string) =>
    ask({
      type,
      resource: 'StageGuard',
      now: { Stage: stage },
      ...(id && { id, before: { Stage: before ?? id.slice('stage:'.length) } }),
    });

  test('lets the first deployment and every later one of the same stage pass', async () => {
    expect(await guard('Create', 'prod')).toMatchObject({
      Status: 'SUCCESS',
      PhysicalResourceId: 'stage:prod',
    });
    expect(await guard('Update', 'prod', 'stage:prod')).toMatchObject({ Status: 'SUCCESS' });
    expect(await guard('Delete', 'prod', 'stage:prod')).toMatchObject({ Status: 'SUCCESS' });
  });

  test('refuses another one, says why, and lets the rollback pass', async () => {
    const refusal = await guard('Update', 'test', 'stage:');
    expect(refusal).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'stage:' });
    expect(refusal.Reason).toMatch(/cannot be changed from \(none\) to test: grants and secrets would stay/);
    // CloudFormation takes the refused properties for the old ones.
    expect(await guard('Update', '', 'stage:', 'test')).toMatchObject({ Status: 'SUCCESS' });
  });
});

test('a resource that nobody knows is refused, and not waited for', async () => {
  expect(await ask({ type: 'Create', resource: 'Other', now: {} })).toMatchObject({
    Status: 'FAILED',
    PhysicalResourceId: 'logical',
  });
});

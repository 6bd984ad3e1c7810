import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedDynamoDb, embedDynamoDb } from '../../../functions/local/emulator/dynamodb.ts';
import { startAwsEndpoint } from '../../../functions/local/emulator/endpoint.ts';
import { lambdaService } from '../../../functions/local/emulator/lambda.ts';
import { secretsManagerService } from '../../../functions/local/emulator/secrets-manager.ts';
import type { LocalServer } from '../../../functions/local/http.ts';
import { echoHandlers } from '../../support/echo-handlers.ts';
import { output } from '../../support/output.ts';

const version = /^aws-cli\/(\d+)/.exec(String(spawnSync('aws', ['--version']).stdout))?.[1];
/** Version 1 takes payloads as they are, and knows no such option. */
const plainPayload = version === '1' ? [] : ['--cli-binary-format', 'raw-in-base64-out'];

describe.skipIf(version === undefined)('the AWS CLI', () => {
  let folder: string;
  let dynamodb: EmbeddedDynamoDb;
  let endpoint: LocalServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-broker-cli-'));
    dynamodb = await embedDynamoDb(join(folder, 'dynamodb'));
    const secretsmanager = await secretsManagerService(join(folder, 'secrets.json'));
    const lambda = lambdaService({ handlers: Promise.resolve(echoHandlers()), aliases: ['crash'] });
    endpoint = await startAwsEndpoint({
      key: 'local',
      port: 0,
      services: { lambda, dynamodb: dynamodb.service, secretsmanager },
    });
  });
  afterAll(async () => {
    await endpoint.close();
    await dynamodb.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function aws(...args: string[]) {
    const printed = await output('aws', [...args, '--output', 'json'], {
      AWS_ENDPOINT_URL: endpoint.url,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_PAGER: '',
    });
    return JSON.parse(printed);
  }

  test('creates and reads secrets', async () => {
    const name = 'token-broker/crash';
    await aws('secretsmanager', 'create-secret', '--name', name, '--secret-string', '{"client_id":"é"}');
    const read = await aws('secretsmanager', 'get-secret-value', '--secret-id', name);
    expect(read).toMatchObject({ SecretString: '{"client_id":"é"}', VersionStages: ['AWSCURRENT'] });
  });

  test('lists tables', async () => {
    expect(await aws('dynamodb', 'list-tables')).toEqual({ TableNames: [] });
  });

  test.each([
    ['token-broker-invoke', ['--qualifier', 'crash']],
    ['token-broker-invoke:crash', []],
    ['arn:aws:lambda:us-east-1:000000000000:function:token-broker-invoke:crash', []],
  ])('invokes %s %j', async (name, qualifier) => {
    const file = join(folder, 'answer.json');
    const payload = [...plainPayload, '--payload', '{"scope":"symbols"}'];
    const metadata = await aws('lambda', 'invoke', '--function-name', name, ...qualifier, ...payload, file);
    expect(metadata).toEqual({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      event: { scope: 'symbols' },
      context: { invokedFunctionArn: expect.stringMatching(/:token-broker-invoke:crash$/) },
    });
  });
});

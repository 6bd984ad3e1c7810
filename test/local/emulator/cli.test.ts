import { spawnSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedDynamoDb, embedDynamoDb } from '../../../functions/local/emulator/dynamodb.ts';
import { startAwsEndpoint } from '../../../functions/local/emulator/endpoint.ts';
import { kmsService } from '../../../functions/local/emulator/kms.ts';
import { lambdaService } from '../../../functions/local/emulator/lambda.ts';
import { secretsManagerService } from '../../../functions/local/emulator/secrets-manager.ts';
import { stsService } from '../../../functions/local/emulator/sts.ts';
import type { LocalServer } from '../../../functions/local/http.ts';
import { echoHandlers } from '../../support/echo-handlers.ts';
import { output } from '../../support/output.ts';

const REQUEST = { method: 'POST', rawPath: '/', rawQuery: '', tooLarge: false, sourceIp: '127.0.0.1' };
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
    const kms = await kmsService(join(folder, 'kms.json'));
    const lambda = lambdaService({ handlers: Promise.resolve(echoHandlers()), aliases: ['crash'] });
    endpoint = await startAwsEndpoint({
      key: 'local',
      port: 0,
      services: { lambda, dynamodb: dynamodb.service, secretsmanager, kms, sts: stsService() },
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

  test('makes a KMS key, which signs after a restart too', async () => {
    const spec = ['--key-spec', 'ECC_NIST_P384', '--key-usage', 'SIGN_VERIFY'];
    const { KeyMetadata } = await aws('kms', 'create-key', ...spec);
    expect(KeyMetadata).toMatchObject({ KeySpec: 'ECC_NIST_P384', SigningAlgorithms: ['ECDSA_SHA_384'] });
    const message = join(folder, 'message');
    await writeFile(message, 'hello');
    const how = ['--message', `fileb://${message}`, '--signing-algorithm', 'ECDSA_SHA_384'];
    const { Signature } = await aws('kms', 'sign', '--key-id', KeyMetadata.KeyId, ...how);

    const restarted = await kmsService(join(folder, 'kms.json'));
    const headers = { 'x-amz-target': 'TrentService.GetPublicKey' };
    const body = Buffer.from(JSON.stringify({ KeyId: KeyMetadata.Arn }));
    const answer = await restarted({ ...REQUEST, headers, body });
    const { PublicKey } = JSON.parse(String(answer.body));
    const publicKey = createPublicKey({ key: Buffer.from(PublicKey, 'base64'), format: 'der', type: 'spki' });
    expect(verify('sha384', Buffer.from('hello'), publicKey, Buffer.from(Signature, 'base64'))).toBe(true);
  });

  test('gets a token of whoever it is, which the issuer’s JWKS verifies', async () => {
    const how = ['--audience', 'a', 'b', '--signing-algorithm', 'ES384'];
    const { WebIdentityToken, Expiration } = await aws('sts', 'get-web-identity-token', ...how);
    const keys = createRemoteJWKSet(new URL(`${endpoint.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(WebIdentityToken, keys, { issuer: endpoint.url, audience: 'b' });
    expect(payload.sub).toBe('arn:aws:iam::000000000000:user/local');
    expect(new Date(Expiration).getTime()).toBe(payload.exp! * 1000);
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

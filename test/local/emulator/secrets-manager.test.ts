import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  InvalidParameterException,
  InvalidRequestException,
  ListSecretsCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  RestoreSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAwsEndpoint } from '../../../functions/local/emulator/endpoint.ts';
import { secretsManagerService } from '../../../functions/local/emulator/secrets-manager.ts';
import type { LocalServer } from '../../../functions/local/http.ts';

let folder: string;
let path: string;
let endpoint: LocalServer;
let client: SecretsManagerClient;
let now: number;

async function start() {
  const secretsmanager = await secretsManagerService(path, () => now);
  const lambda = async () => ({ status: 500 });
  endpoint = await startAwsEndpoint({ port: 0, key: 'local', services: { lambda, secretsmanager } });
  client = new SecretsManagerClient({
    region: 'eu-central-1',
    endpoint: endpoint.url,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-broker-secrets-'));
  path = join(folder, 'secrets.json');
  now = Date.now();
  await start();
});
afterEach(async () => {
  client.destroy();
  await endpoint.close();
  await rm(folder, { recursive: true, force: true });
});

const create = (Name: string, SecretString?: string) =>
  client.send(new CreateSecretCommand({ Name, SecretString }));
const read = (SecretId: string, which: { VersionId?: string; VersionStage?: string } = {}) =>
  client.send(new GetSecretValueCommand({ SecretId, ...which }));
const put = (SecretId: string, SecretString: string, more: object = {}) =>
  client.send(new PutSecretValueCommand({ SecretId, SecretString, ...more }));

describe('a secret', () => {
  test('is read back by name, ARN, and ARN without its suffix', async () => {
    const { ARN, VersionId } = await create('token-broker/crash', '{"client_id":"é"}');
    expect(ARN).toMatch(/^arn:aws:secretsmanager:us-east-1:000000000000:secret:token-broker\/crash-\w{6}$/);
    for (const id of ['token-broker/crash', ARN!, ARN!.slice(0, -7)]) {
      expect(await read(id)).toMatchObject({
        ARN,
        Name: 'token-broker/crash',
        SecretString: '{"client_id":"é"}',
        VersionId,
        VersionStages: ['AWSCURRENT'],
        CreatedDate: new Date(now),
      });
    }
  });

  test('may be binary', async () => {
    await client.send(new CreateSecretCommand({ Name: 'b', SecretBinary: new Uint8Array([0, 255]) }));
    expect((await read('b')).SecretBinary).toEqual(new Uint8Array([0, 255]));
  });

  test('without a value is there and has none, which the error tells from no secret', async () => {
    await create('empty');
    await expect(read('empty')).rejects.toThrow(ResourceNotFoundException);
    await expect(read('empty')).rejects.toThrow(/staging label: AWSCURRENT/);
    await expect(read('none')).rejects.toThrow(ResourceNotFoundException);
    await expect(read('none')).rejects.toThrow("Secrets Manager can't find the specified secret.");
  });

  test('is created once, and its creation may be repeated with the same token and value', async () => {
    const ClientRequestToken = randomUUID();
    const once = { Name: 'once', SecretString: 'v', ClientRequestToken };
    const first = await client.send(new CreateSecretCommand(once));
    expect(await client.send(new CreateSecretCommand(once))).toMatchObject({
      ARN: first.ARN,
      VersionId: ClientRequestToken,
    });
    await expect(client.send(new CreateSecretCommand({ ...once, SecretString: 'w' }))).rejects.toThrow(
      ResourceExistsException,
    );
    await expect(create('once', 'v')).rejects.toThrow(ResourceExistsException);
  });

  test('is there after a restart, readable by its owner only', async () => {
    await create('kept', 'value');
    client.destroy();
    await endpoint.close();
    await start();
    expect((await read('kept')).SecretString).toBe('value');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('written at the same time as others is not lost', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => create(`s${i}`, `v${i}`)));
    expect(JSON.parse(await readFile(path, 'utf8'))).toHaveLength(20);
  });

  test.each([
    [{ Name: 'a b' }, /Name must be/],
    [{ Name: 'a', SecretString: 'x', SecretBinary: new Uint8Array(1) }, /not both/],
    [{ Name: 'a', SecretString: 'x'.repeat(65_537) }, /larger than 65536/],
    [{ Name: 'a', ClientRequestToken: 'short' }, /ClientRequestToken must be/],
  ])('with wrong members is refused: %#', async (input, reason) => {
    const refused = client.send(new CreateSecretCommand(input));
    await expect(refused).rejects.toThrow(InvalidParameterException);
    await expect(refused).rejects.toThrow(reason);
  });
});

describe('staging labels', () => {
  test('move: a new value is current, the one before it previous, older ones have none', async () => {
    const { VersionId: first } = await create('s', 'one');
    const { VersionId: second } = await put('s', 'two');
    expect((await read('s')).SecretString).toBe('two');
    expect((await read('s', { VersionStage: 'AWSPREVIOUS' })).SecretString).toBe('one');
    const { VersionId: third } = await put('s', 'three');
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId: 's' }));
    expect(VersionIdsToStages).toEqual({ [second!]: ['AWSPREVIOUS'], [third!]: ['AWSCURRENT'] });
    expect((await read('s', { VersionId: first })).SecretString).toBe('one');
  });

  test('let a pending version be tested and then made current', async () => {
    const { VersionId: current } = await create('s', 'old');
    const { VersionId: pending } = await put('s', 'new', { VersionStages: ['AWSPENDING'] });
    expect((await read('s')).SecretString).toBe('old');
    expect((await read('s', { VersionStage: 'AWSPENDING' })).SecretString).toBe('new');
    const move = { SecretId: 's', VersionStage: 'AWSCURRENT', MoveToVersionId: pending };
    await expect(client.send(new UpdateSecretVersionStageCommand(move))).rejects.toThrow(
      /explicitly reference that version/,
    );
    await client.send(new UpdateSecretVersionStageCommand({ ...move, RemoveFromVersionId: current }));
    expect(await read('s')).toMatchObject({ SecretString: 'new', VersionId: pending });
    expect((await read('s', { VersionStage: 'AWSPREVIOUS' })).VersionId).toBe(current);
  });

  test('the first version is current whatever was asked for', async () => {
    await create('s');
    await put('s', 'v', { VersionStages: ['AWSPENDING'] });
    expect((await read('s')).VersionStages).toEqual(['AWSPENDING', 'AWSCURRENT']);
  });

  test('and version ids must agree', async () => {
    const { VersionId } = await create('s', 'one');
    await put('s', 'two');
    await expect(read('s', { VersionId, VersionStage: 'AWSCURRENT' })).rejects.toThrow(
      InvalidRequestException,
    );
    await expect(read('s', { VersionStage: 'AWSPENDING' })).rejects.toThrow(ResourceNotFoundException);
    await expect(read('s', { VersionId: randomUUID() })).rejects.toThrow(ResourceNotFoundException);
  });

  test('do not move when a request is repeated, and its token cannot carry another value', async () => {
    await create('s', 'one');
    const token = { ClientRequestToken: randomUUID() };
    await put('s', 'two', token);
    await put('s', 'three');
    await put('s', 'two', token);
    expect((await read('s')).SecretString).toBe('three');
    await expect(put('s', 'other', token)).rejects.toThrow(ResourceExistsException);
  });
});

describe('a deleted secret', () => {
  test('is out of use but restorable, until its recovery window ends', async () => {
    await create('s', 'v');
    await client.send(new DeleteSecretCommand({ SecretId: 's', RecoveryWindowInDays: 7 }));
    await expect(read('s')).rejects.toThrow(InvalidRequestException);
    await expect(put('s', 'w')).rejects.toThrow(/marked for deletion/);
    await expect(create('s', 'w')).rejects.toThrow(/scheduled for deletion/);
    await client.send(new RestoreSecretCommand({ SecretId: 's' }));
    expect((await read('s')).SecretString).toBe('v');
    await client.send(new DeleteSecretCommand({ SecretId: 's', RecoveryWindowInDays: 7 }));
    now += 7 * 86_400_000;
    await expect(read('s')).rejects.toThrow(ResourceNotFoundException);
    await create('s', 'new');
    expect((await read('s')).SecretString).toBe('new');
  });

  test('is gone at once when forced, and deleting it again is no error', async () => {
    await create('s', 'v');
    const force = new DeleteSecretCommand({ SecretId: 's', ForceDeleteWithoutRecovery: true });
    await client.send(force);
    await client.send(force);
    await create('s', 'w');
    expect((await read('s')).SecretString).toBe('w');
  });

  test.each([{ RecoveryWindowInDays: 6 }, { RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true }])(
    'cannot have %j',
    async (input) => {
      await create('s', 'v');
      await expect(client.send(new DeleteSecretCommand({ SecretId: 's', ...input }))).rejects.toThrow(
        InvalidParameterException,
      );
    },
  );
});

test('secrets are listed page by page, filtered, without values and without deleted ones', async () => {
  for (const name of ['a/1', 'a/2', 'b/1']) await create(name, `value of ${name}`);
  await client.send(new DeleteSecretCommand({ SecretId: 'b/1' }));
  const first = await client.send(new ListSecretsCommand({ MaxResults: 1 }));
  expect(first.SecretList?.map(({ Name }) => Name)).toEqual(['a/1']);
  const rest = await client.send(new ListSecretsCommand({ NextToken: first.NextToken }));
  expect(rest.SecretList?.map(({ Name }) => Name)).toEqual(['a/2']);
  expect(rest.NextToken).toBeUndefined();
  expect(JSON.stringify([first, rest])).not.toContain('value of');
  const filters = [{ Key: 'name' as const, Values: ['b/'] }];
  const deleted = await client.send(
    new ListSecretsCommand({ Filters: filters, IncludePlannedDeletion: true }),
  );
  expect(deleted.SecretList?.map(({ Name }) => Name)).toEqual(['b/1']);
});

test('an operation that is not offered is refused with those that are', async () => {
  const command = new ReplicateSecretToRegionsCommand({
    SecretId: 's',
    AddReplicaRegions: [{ Region: 'eu-west-1' }],
  });
  await expect(client.send(command)).rejects.toMatchObject({
    name: 'UnknownOperationException',
    message: expect.stringMatching(/ReplicateSecretToRegions is not an operation.*CreateSecret/),
  });
});

test('a file that is not the broker’s is named and left alone', async () => {
  await writeFile(path, 'not json');
  await expect(secretsManagerService(path)).rejects.toThrow(`${path} is not readable`);
  expect(await readFile(path, 'utf8')).toBe('not json');
});

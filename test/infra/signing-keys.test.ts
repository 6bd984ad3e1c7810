/** The keys of connections that sign by KMS: of the right kind, used by the functions that prove themselves by them alone. */
import { describe, expect, test } from 'vitest';
import { Deployed, type PolicyDocument } from './deployed.ts';
import { decide, functionArn, mayFunction } from './simulate.ts';
import { ACCOUNT, everything, REGION, synthesize } from './synth.ts';

const FUNCTIONS = ['Https', 'Invoke', 'Callback', 'Refresh', 'SealingKey'];
const custom = {
  vendor: 'custom',
  issuer: 'https://as.example.com',
  client_auth: 'private_key_jwt',
  signing: 'kms',
};
const connections = {
  service: { vendor: 'bugfender', client_auth: 'private_key_jwt', signing: 'kms' },
  person: { ...custom, grant: 'authorization_code', signing_alg: 'ES384' },
  unsigned: { vendor: 'bits', scope: 'application' },
};
const deployed = new Deployed(synthesize({ props: () => ({ connections: { connections } }) }).template);

const idOf = (connection: string) => deployed.id('AWS::KMS::Key', `SigningKey${connection}`);
const propertiesOf = (connection: string) => deployed.properties('AWS::KMS::Key', `SigningKey${connection}`);

describe.each([
  ['service', 'RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256', ['Https', 'Invoke', 'Refresh']],
  ['person', 'ECC_NIST_P384', 'ECDSA_SHA_384', ['Https', 'Invoke', 'Callback', 'Refresh']],
])('the key of the connection %s', (name, KeySpec, algorithm, signers) => {
  const resource = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${idOf(name)}`;
  const resourcePolicy = propertiesOf(name).KeyPolicy as PolicyDocument;
  const signing = { action: 'kms:Sign', resource, resourcePolicy };
  const context = { 'kms:SigningAlgorithm': algorithm };

  test('is of its algorithm’s kind, stays when the stack goes, and has an alias', () => {
    expect(propertiesOf(name)).toMatchObject({ KeySpec, KeyUsage: 'SIGN_VERIFY' });
    expect(deployed.resources[idOf(name)]).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
    const { AliasName, TargetKeyId } = deployed.properties('AWS::KMS::Alias', `SigningAlias${name}`);
    expect([AliasName, TargetKeyId]).toEqual([`alias/token-broker/${name}`, resource]);
  });

  test('signs for the functions that need it, by this algorithm, and for their own code only', async () => {
    const may = (fn: string, more: Record<string, string>, from?: string) =>
      mayFunction(deployed, fn, { ...signing, context: more }, from);
    const able = await Promise.all(FUNCTIONS.map((fn) => may(fn, context)));
    expect(FUNCTIONS.filter((_, index) => able[index])).toEqual(signers);
    for (const fn of FUNCTIONS) {
      expect(await may(fn, { 'kms:SigningAlgorithm': 'RSASSA_PSS_SHA_512' })).toBe(false);
      expect(await may(fn, context, functionArn(deployed, fn).replace(/[^:]+$/, 'another'))).toBe(false);
    }
  });

  test('is used for nothing else by them', async () => {
    for (const action of ['kms:GetPublicKey', 'kms:Decrypt', 'kms:CreateGrant', 'kms:ScheduleKeyDeletion'])
      for (const fn of FUNCTIONS)
        expect([action, await mayFunction(deployed, fn, { ...signing, action, context })]).toEqual([
          action,
          false,
        ]);
  });

  test('signs for no administrator, and is ended by none; who asks the vendor to trust it may read its public half', async () => {
    const everythingAllowed = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
    };
    const admin = (action: string) =>
      decide(`arn:aws:iam::${ACCOUNT}:role/admin`, [{ name: 'admin', policy: everythingAllowed }], {
        ...signing,
        action,
        context,
      });
    for (const action of ['kms:Sign', 'kms:DisableKey', 'kms:ScheduleKeyDeletion', 'kms:PutKeyPolicy'])
      expect([action, await admin(action)]).toEqual([action, false]);
    expect(await admin('kms:GetPublicKey')).toBe(true);
  });
});

test('the public half is read by the function that shows it, where the connection serves it, and by no other', async () => {
  const served = { ...connections.service, serve_jwks: true };
  const serving = new Deployed(
    synthesize({ props: () => ({ connections: { connections: { ...connections, served } } }) }).template,
  );
  const able = async (connection: string, action: string) => {
    const id = serving.id('AWS::KMS::Key', `SigningKey${connection}`);
    const resourcePolicy = serving.properties('AWS::KMS::Key', `SigningKey${connection}`)
      .KeyPolicy as PolicyDocument;
    const context = { 'kms:SigningAlgorithm': 'RSASSA_PKCS1_V1_5_SHA_256' };
    const request = {
      action,
      resource: `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`,
      resourcePolicy,
      context,
    };
    const all = await Promise.all(FUNCTIONS.map((fn) => mayFunction(serving, fn, request)));
    return FUNCTIONS.filter((_, index) => all[index]);
  };
  expect(await able('served', 'kms:GetPublicKey')).toEqual(['Callback']);
  expect(await able('served', 'kms:Sign')).toEqual(['Https', 'Invoke', 'Refresh']);
  expect(await able('service', 'kms:GetPublicKey')).toEqual([]);
  const reads = (name: string) => {
    const resource = serving.secretArn(name);
    return mayFunction(serving, 'Callback', { action: 'secretsmanager:GetSecretValue', resource });
  };
  expect([await reads('token-broker/served'), await reads('token-broker/service')]).toEqual([true, false]);
});

test('a connection that signs by no KMS key has none', () => {
  expect(deployed.ofType('AWS::KMS::Key')).toHaveLength(3);
});

test('a key of another kind is another key under the same alias, in each stage its own', () => {
  const of = (members: object, props = everything) =>
    new Deployed(
      synthesize({
        props: (stack) => ({
          ...props(stack),
          connections: { connections: { person: { ...connections.person, ...members } } },
        }),
      }).template,
    );
  const [before, after] = [of({}), of({ signing_alg: 'RS256' })];
  const key = (view: Deployed) => view.id('AWS::KMS::Key', 'SigningKeyperson');
  const alias = (view: Deployed) => view.id('AWS::KMS::Alias', 'SigningAliasperson');
  expect(key(before)).not.toBe(key(after));
  expect(alias(before)).toBe(alias(after));
  const { AliasName } = before.properties('AWS::KMS::Alias', 'SigningAlias');
  expect(AliasName).toBe('alias/prod-token-broker/person');
});

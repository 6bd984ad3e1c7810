import { describe, expect, test } from 'vitest';
import { Deployed, type PolicyDocument } from './deployed.ts';
import { decide, functionArn, isAllowed, mayFunction, type Request } from './simulate.ts';
import { ACCOUNT, everything, REGION, synthesize } from './synth.ts';

const deployed = new Deployed(synthesize().template);
const key = deployed.id('AWS::KMS::Key', 'Key');
const keyArn = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${key}`;
const tokens = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/token-broker-tokens`;
const grants = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/token-broker-grants`;
const due = `${grants}/index/due`;
const keyring = deployed.secretArn('token-broker-internal/sealing-keyring');
const rescue = deployed.secretArn('token-broker-internal/rescue/x-1');
const clientSecret = deployed.secretArn('token-broker/bugsplat-symbols');
const via = (service: string) => ({ 'kms:ViaService': `${service}.${REGION}.amazonaws.com` });

const BROKERS = ['Https', 'Invoke', 'Callback', 'Refresh'];
const ALL = [...BROKERS, 'SealingKey'];
const roleOf = (fn: string) => deployed.role(`${fn}Role`);
/** A key admits nobody by identity policies alone: its own policy must hand the judgement over. */
const keyPolicy = deployed.properties('AWS::KMS::Key', 'Key').KeyPolicy as PolicyDocument;
/** What the function's own code may, or what is asked with its role from elsewhere. */
const allowed = (fn: string, request: Request, from?: string) =>
  mayFunction(
    deployed,
    fn,
    { ...request, ...(request.resource.includes(':key/') && { resourcePolicy: keyPolicy }) },
    from,
  );

/** What a function does by its own calls: `[action, resource]`. */
const CALLBACK_CALLS: [string, string][] = [
  ['dynamodb:GetItem', tokens],
  ['dynamodb:PutItem', tokens],
  ['dynamodb:UpdateItem', tokens],
  ['dynamodb:GetItem', grants],
  ['dynamodb:PutItem', grants],
  ['secretsmanager:GetSecretValue', deployed.secretArn('team/bipsync')],
  ['secretsmanager:GetSecretValue', keyring],
  ['secretsmanager:DeleteSecret', rescue],
];
const ONLY_OTHERS: [string, string][] = [
  ['secretsmanager:GetSecretValue', clientSecret],
  ['secretsmanager:CreateSecret', rescue],
  ['secretsmanager:GetSecretValue', rescue],
];
const BROKER_CALLS = [...CALLBACK_CALLS, ...ONLY_OTHERS];
const ROTATION_CALLS: [string, string][] = [
  ['secretsmanager:DescribeSecret', keyring],
  ['secretsmanager:GetSecretValue', keyring],
  ['secretsmanager:PutSecretValue', keyring],
  ['secretsmanager:UpdateSecretVersionStage', keyring],
  ['dynamodb:Query', due],
];

describe.each(BROKERS)('the role of the %s function', (fn) => {
  test.each(fn === 'Callback' ? CALLBACK_CALLS : BROKER_CALLS)('may %s on %s', async (action, resource) => {
    expect(await allowed(fn, { action, resource })).toBe(true);
    expect(await allowed(fn, { action, resource }, `${functionArn(deployed, fn)}:7`)).toBe(true);
  });

  test.each(BROKER_CALLS)(
    'may not %s on %s where somebody put it on another function',
    async (action, resource) => {
      expect(
        await allowed(fn, { action, resource }, functionArn(deployed, fn).replace(/[^:]+$/, 'another')),
      ).toBe(false);
      expect(await isAllowed(deployed, roleOf(fn), { action, resource })).toBe(false);
    },
  );
});

test.each(ONLY_OTHERS)('the function that strangers reach may not %s on %s', async (action, resource) => {
  expect(await allowed('Callback', { action, resource })).toBe(false);
});

test.each([
  ['dynamodb:Query', ['Https']],
  ['dynamodb:DeleteItem', ['Https', 'Refresh']],
])('grants are listed only for callers, and removed only there and by the sweep: %s', async (action, fns) => {
  const may = await Promise.all(ALL.map((fn) => allowed(fn, { action, resource: grants })));
  expect(ALL.filter((_, index) => may[index])).toEqual(fns);
});

test('only the refresh function and the rotation find grants by their due time', async () => {
  const may = await Promise.all(ALL.map((fn) => allowed(fn, { action: 'dynamodb:Query', resource: due })));
  expect(ALL.filter((_, index) => may[index])).toEqual(['Refresh', 'SealingKey']);
});

test.each(ROTATION_CALLS)('the rotation may %s on %s', async (action, resource) => {
  expect(await allowed('SealingKey', { action, resource })).toBe(true);
});

describe.each(ALL)('on behalf of the %s function', (fn) => {
  const deadLetters = `arn:aws:sqs:${REGION}:${ACCOUNT}:${deployed.id('AWS::SQS::Queue', 'DeadLetters')}`;
  const stream = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${deployed.id('AWS::Logs::LogGroup', `${fn}Logs`)}:log-stream:s`;
  test.each<[string, Request]>([
    ['DynamoDB decrypts', { action: 'kms:Decrypt', resource: keyArn, context: via('dynamodb') }],
    ['Secrets Manager decrypts', { action: 'kms:Decrypt', resource: keyArn, context: via('secretsmanager') }],
    ['Lambda writes its log', { action: 'logs:PutLogEvents', resource: stream }],
  ])('%s', async (_, request) => {
    expect(await allowed(fn, request)).toBe(true);
  });

  test('Lambda puts dead letters aside only where they hold nothing of a caller', async () => {
    // By Lambda itself, not by the code.
    const may = await isAllowed(deployed, roleOf(fn), { action: 'sqs:SendMessage', resource: deadLetters });
    expect(may).toBe(['Refresh', 'SealingKey'].includes(fn));
  });
});

const elsewhere = (arn: string) => arn.replace('token-broker', 'other');
const NOBODY: [string, Request][] = [
  ['scans the tokens', { action: 'dynamodb:Scan', resource: tokens }],
  ['scans the grants', { action: 'dynamodb:Scan', resource: grants }],
  ['scans the due index', { action: 'dynamodb:Scan', resource: due }],
  ['deletes a table', { action: 'dynamodb:DeleteTable', resource: grants }],
  ['deletes tokens', { action: 'dynamodb:DeleteItem', resource: tokens }],
  ['writes many items at once', { action: 'dynamodb:BatchWriteItem', resource: grants }],
  ['exports the grants', { action: 'dynamodb:ExportTableToPointInTime', resource: grants }],
  ['reads another table', { action: 'dynamodb:GetItem', resource: elsewhere(tokens) }],
  ['writes another table', { action: 'dynamodb:PutItem', resource: elsewhere(grants) }],
  [
    'reads another secret',
    { action: 'secretsmanager:GetSecretValue', resource: deployed.secretArn('other/secret') },
  ],
  [
    'reads a secret whose name goes on',
    {
      action: 'secretsmanager:GetSecretValue',
      resource: deployed.secretArn('token-broker/bugsplat-symbols-2'),
    },
  ],
  ['writes a client secret', { action: 'secretsmanager:PutSecretValue', resource: clientSecret }],
  ['deletes a client secret', { action: 'secretsmanager:DeleteSecret', resource: clientSecret }],
  ['creates a client secret', { action: 'secretsmanager:CreateSecret', resource: clientSecret }],
  ['deletes the keyring', { action: 'secretsmanager:DeleteSecret', resource: keyring }],
  ['changes who may read the keyring', { action: 'secretsmanager:PutResourcePolicy', resource: keyring }],
  ['lists secrets', { action: 'secretsmanager:ListSecrets', resource: '*' }],
  ['decrypts by itself', { action: 'kms:Decrypt', resource: keyArn }],
  ['decrypts through another service', { action: 'kms:Decrypt', resource: keyArn, context: via('s3') }],
  [
    'uses another key',
    { action: 'kms:Decrypt', resource: keyArn.replace(key, 'other'), context: via('dynamodb') },
  ],
  ['schedules the key away', { action: 'kms:ScheduleKeyDeletion', resource: keyArn }],
  ['passes a role', { action: 'iam:PassRole', resource: roleOf('Https') }],
  ['creates a user', { action: 'iam:CreateUser', resource: `arn:aws:iam::${ACCOUNT}:user/x` }],
  ['assumes a role', { action: 'sts:AssumeRole', resource: roleOf('Refresh') }],
  [
    'invokes a function',
    {
      action: 'lambda:InvokeFunction',
      resource: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:token-broker-https`,
    },
  ],
  ['makes a network interface', { action: 'ec2:CreateNetworkInterface', resource: '*' }],
];
describe.each(ALL)('nobody with the role of the %s function', (fn) => {
  test.each(NOBODY)('%s', async (_, request) => {
    expect(await allowed(fn, request)).toBe(false);
  });
});

test('the brokers do not write the keyring, and the rotation reads no client secret, table or rescue', async () => {
  for (const fn of BROKERS) {
    expect(await allowed(fn, { action: 'secretsmanager:PutSecretValue', resource: keyring })).toBe(false);
  }
  for (const [action, resource] of BROKER_CALLS.filter((call) => call[1] !== keyring)) {
    expect([action, await allowed('SealingKey', { action, resource })]).toEqual([action, false]);
  }
});

const prod = new Deployed(synthesize({ props: everything }).template);

test('Lambda writes traces where they are asked for, and nowhere else', async () => {
  const trace = { action: 'xray:PutTraceSegments', resource: '*' };
  for (const fn of ALL) {
    expect(await isAllowed(prod, prod.role(`${fn}Role`), trace)).toBe(true);
    expect(await allowed(fn, trace)).toBe(false);
  }
});

test('in a VPC Lambda makes network interfaces with the role, and the code cannot', async () => {
  const make = { action: 'ec2:CreateNetworkInterface', resource: '*' };
  for (const fn of BROKERS) {
    const functionArn = prod.resolve({
      'Fn::GetAtt': [prod.id('AWS::Lambda::Function', `Broker${fn}`), 'Arn'],
    }) as string;
    const byCode = { ...make, context: { 'lambda:SourceFunctionArn': functionArn } };
    expect(await isAllowed(prod, prod.role(`${fn}Role`), make)).toBe(true);
    expect(await isAllowed(prod, prod.role(`${fn}Role`), byCode)).toBe(false);
  }
  expect(await isAllowed(prod, prod.role('SealingKeyRole'), make)).toBe(false);
});

test('wildcards inside resources are the rescues, the logs of a group, and what ends the ARN of a secret', () => {
  for (const view of [deployed, prod]) {
    const resources = [
      'HttpsRole',
      'InvokeRole',
      'CallbackRole',
      'RefreshRole',
      'SealingKeyRole',
      'SweepsRole',
    ]
      .flatMap((part) => view.policiesOf(view.role(part)))
      .flatMap(({ policy }) => policy.Statement.flatMap(({ Resource }) => Resource as string | string[]));
    const wide = new Set(resources.filter((resource) => resource !== '*' && /[*?]/.test(resource)));
    const odd = [...wide].filter(
      (arn) =>
        !/:secret:[^*?]+-\?{6}$|:log-group:[^*?]+:\*$|:secret:(prod-)?token-broker-internal\/rescue\/\*$/.test(
          arn,
        ),
    );
    expect(wide.size).toBeGreaterThan(5);
    expect(odd).toEqual([]);
  }
});

describe('a secret of the broker', () => {
  const admin = {
    name: 'admin',
    policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  };
  const policyOf = (id: string) =>
    deployed.properties('AWS::SecretsManager::ResourcePolicy', id).ResourcePolicy as PolicyDocument;
  const person = `arn:aws:iam::${ACCOUNT}:role/admin`;
  const reads = (principal: string, resource: string, policy: PolicyDocument) =>
    decide(principal, [admin], { action: 'secretsmanager:GetSecretValue', resource, resourcePolicy: policy });

  test('is read by no administrator, but filled by one', async () => {
    const policy = policyOf('Readerstokenbrokerbugsplatsymbols');
    expect(await reads(person, clientSecret, policy)).toBe(false);
    const put = { action: 'secretsmanager:PutSecretValue', resource: clientSecret, resourcePolicy: policy };
    expect(await decide(person, [admin], put)).toBe(true);
  });

  test('is read by the roles that need it and no other of the broker', async () => {
    const policy = policyOf('Readerstokenbrokerbugsplatsymbols');
    const may = await Promise.all(ALL.map((fn) => reads(roleOf(fn), clientSecret, policy)));
    expect(ALL.filter((_, index) => may[index])).toEqual(['Https', 'Invoke', 'Refresh']);
  });

  test('as the keyring is, and by its rotation', async () => {
    const policy = policyOf('KeyringReaders');
    for (const fn of ALL) expect(await reads(roleOf(fn), keyring, policy)).toBe(true);
    expect(await reads(person, keyring, policy)).toBe(false);
  });

  test('may have further readers, where they are named', async () => {
    const { ResourcePolicy: policy } = prod.properties(
      'AWS::SecretsManager::ResourcePolicy',
      'Readerstokenbrokerbugsplatsymbols',
    );
    const secret = prod.secretArn('prod-token-broker/bugsplat-symbols');
    expect(await reads(`arn:aws:iam::${ACCOUNT}:role/auditor`, secret, policy as PolicyDocument)).toBe(true);
    expect(await reads(person, secret, policy as PolicyDocument)).toBe(false);
  });
});

describe('what protects the broker', () => {
  const admin = {
    name: 'admin',
    policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  };
  const person = `arn:aws:iam::${ACCOUNT}:role/admin`;
  const deployer = `arn:aws:iam::${ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-${ACCOUNT}-${REGION}`;
  const breakGlass = `arn:aws:iam::${ACCOUNT}:role/break-glass`;
  const root = `arn:aws:iam::${ACCOUNT}:root`;
  const throughCloudFormation = { 'aws:CalledViaFirst': 'cloudformation.amazonaws.com' };
  const WRITES = ['PutSecretValue', 'UpdateSecret', 'UpdateSecretVersionStage'];
  const ENDS = ['DeleteSecret', 'ReplicateSecretToRegions'];
  const DECIDES = ['PutResourcePolicy', 'DeleteResourcePolicy', 'CancelRotateSecret'];
  const secretPolicy = (id: string) =>
    prod.properties('AWS::SecretsManager::ResourcePolicy', id).ResourcePolicy as PolicyDocument;
  const stagedKeyring = prod.secretArn('prod-token-broker-internal/sealing-keyring');

  /** Of these actions, those that somebody who may everything otherwise may do. */
  async function permitted(
    principal: string,
    actions: readonly string[],
    on: { resource: string; resourcePolicy: PolicyDocument },
    context: Record<string, string> = {},
  ): Promise<string[]> {
    const service = on.resource.split(':')[2];
    const judged = await Promise.all(
      actions.map((name) => decide(principal, [admin], { action: `${service}:${name}`, context, ...on })),
    );
    return actions.filter((_, index) => judged[index]);
  }

  const onKeyring = { resource: stagedKeyring, resourcePolicy: secretPolicy('KeyringReaders') };
  const onSecret = {
    resource: prod.secretArn('prod-token-broker/bugsplat-symbols'),
    resourcePolicy: secretPolicy('Readerstokenbrokerbugsplatsymbols'),
  };
  const onKey = {
    resource: `arn:aws:kms:${REGION}:${ACCOUNT}:key/${prod.id('AWS::KMS::Key', 'Key')}`,
    resourcePolicy: prod.properties('AWS::KMS::Key', 'Key').KeyPolicy as PolicyDocument,
  };
  const KEY_ENDS = ['ScheduleKeyDeletion', 'DisableKey', 'DisableKeyRotation', 'PutKeyPolicy'];

  test('keeps administrators from writing, ending and opening the keyring; its rotation writes', async () => {
    const actions = [...WRITES, ...ENDS, ...DECIDES];
    expect(await permitted(person, actions, onKeyring)).toEqual([]);
    expect(await permitted(prod.role('SealingKeyRole'), actions, onKeyring)).toEqual(WRITES);
    expect(await permitted(prod.role('HttpsRole'), actions, onKeyring)).toEqual([]);
  });

  test('lets deployments decide who may, and put no value over the live keyring', async () => {
    const actions = ['GetSecretValue', ...WRITES, ...ENDS, ...DECIDES];
    expect(await permitted(deployer, actions, onKeyring)).toEqual(DECIDES);
    expect(await permitted(person, actions, onKeyring, throughCloudFormation)).toEqual(DECIDES);
  });

  test('lets anybody who may rotate the keyring, but by no other function than its own', async () => {
    const other = {
      'secretsmanager:RotationLambdaARN': `arn:aws:lambda:${REGION}:${ACCOUNT}:function:other`,
    };
    expect(await permitted(person, ['RotateSecret'], onKeyring)).toEqual(['RotateSecret']);
    expect(await permitted(person, ['RotateSecret'], onKeyring, other)).toEqual([]);
    expect(await permitted(deployer, ['RotateSecret'], onKeyring, other)).toEqual(['RotateSecret']);
  });

  test('lets a client secret be filled, and neither deleted nor opened', async () => {
    const actions = ['GetSecretValue', ...WRITES, ...ENDS, ...DECIDES];
    expect(await permitted(person, actions, onSecret)).toEqual(WRITES);
    expect(await permitted(deployer, actions, onSecret)).toEqual([...WRITES, ...DECIDES]);
  });

  test('keeps administrators from ending the key, without which nothing opens', async () => {
    expect(await permitted(person, KEY_ENDS, onKey)).toEqual([]);
    expect(await permitted(deployer, KEY_ENDS, onKey)).toEqual(KEY_ENDS);
    expect(await permitted(person, KEY_ENDS, onKey, throughCloudFormation)).toEqual(KEY_ENDS);
    expect(await permitted(person, ['DescribeKey', 'CreateGrant'], onKey)).toHaveLength(2);
  });

  test('gives way to the roles for emergencies, and the policies to the root user', async () => {
    const actions = ['GetSecretValue', ...WRITES, ...ENDS, ...DECIDES];
    expect(await permitted(breakGlass, actions, onKeyring)).toEqual(actions);
    expect(await permitted(breakGlass, KEY_ENDS, onKey)).toEqual(KEY_ENDS);
    expect(await permitted(root, DECIDES, onKeyring)).toEqual(DECIDES);
    expect(await permitted(root, KEY_ENDS, onKey)).toEqual(KEY_ENDS);
  });
});

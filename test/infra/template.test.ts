import { Match, type Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { describe, expect, test } from 'vitest';
import { ENVIRONMENT } from '../../shared/contract/names.ts';
import { CALLER_ROUTES, PUBLIC_ROUTES } from '../../shared/contract/routes.ts';
import { Deployed } from './deployed.ts';
import { ACCOUNT, everything, REGION, synthesize } from './synth.ts';

const { template } = synthesize();
const deployed = new Deployed(template);
const full = synthesize({ props: everything }).template;

const STATEFUL = ['Table', 'Key', 'Secret'];

test('grants are recoverable, protected, encrypted with the key, and never expire', () => {
  template.hasResource('AWS::DynamoDB::Table', {
    Properties: {
      TableName: 'token-broker-grants',
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: Match.anyValue() },
      TimeToLiveSpecification: Match.absent(),
    },
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
  });
});

test('tokens expire by `ttl`', () => {
  template.hasResourceProperties('AWS::DynamoDB::Table', {
    TableName: 'token-broker-tokens',
    BillingMode: 'PAY_PER_REQUEST',
    TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: Match.anyValue() },
  });
});

test('whatever could not be had again stays when the stack goes', () => {
  const stateful = Object.entries(deployed.resources).filter(
    ([id, { Type }]) => STATEFUL.some((kind) => Type.endsWith(`::${kind}`)) && !id.includes('Tokens'),
  );
  expect(stateful.length).toBeGreaterThan(5);
  for (const [id, { DeletionPolicy, UpdateReplacePolicy }] of stateful) {
    expect([id, DeletionPolicy, UpdateReplacePolicy]).toEqual([id, 'RetainExceptOnCreate', 'Retain']);
  }
});

test('the template holds no value of any secret, and only the keyring is generated', () => {
  for (const [id, { Properties }] of deployed.ofType('AWS::SecretsManager::Secret')) {
    expect(Properties).not.toHaveProperty('SecretString');
    if (id !== 'BrokerKeyringEAE2BC90') expect(Properties).not.toHaveProperty('GenerateSecretString');
  }
  // A changed template would put a new first value over the live keyring.
  template.hasResourceProperties('AWS::SecretsManager::Secret', {
    Name: 'token-broker-internal/sealing-keyring',
    GenerateSecretString: {
      SecretStringTemplate: '{"kid":"initial"}',
      GenerateStringKey: 'key',
      PasswordLength: 64,
      ExcludePunctuation: true,
    },
  });
});

test('each distinct secret of the broker has one placeholder; one that exists, a team’s own and an ARN have none', () => {
  const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:vendors/bits-AbCdEf';
  const connections = {
    one: { vendor: 'bugsplat', scope: 'symbols', secret: 'token-broker/shared' },
    two: { vendor: 'bugsplat', scope: 'symbols', secret: 'token-broker/shared' },
    three: { vendor: 'bits', scope: 'application', secret: arn },
    four: { vendor: 'bits', scope: 'application', secret: 'token-broker/filled-long-ago' },
    five: { vendor: 'bits', scope: 'application', secret: 'team/bits' },
  };
  const made = synthesize({
    props: () => ({ connections: { connections }, existingSecrets: ['token-broker/filled-long-ago'] }),
  });
  const names = new Deployed(made.template)
    .ofType('AWS::SecretsManager::Secret')
    .map(([, { Properties }]) => Properties.Name);
  expect(names).toEqual(['token-broker-internal/sealing-keyring', 'token-broker/shared']);
});

describe('the API', () => {
  test('asks IAM on every route but those that browsers open', () => {
    const routes = deployed.ofType('AWS::ApiGatewayV2::Route').map(([, { Properties }]) => Properties);
    const authorized = (type: string) =>
      routes.filter(({ AuthorizationType }) => AuthorizationType === type).map(({ RouteKey }) => RouteKey);
    expect(authorized('AWS_IAM').sort()).toEqual([...CALLER_ROUTES].sort());
    expect(authorized('NONE').sort()).toEqual([...PUBLIC_ROUTES].sort());
    expect(routes).toHaveLength(CALLER_ROUTES.length + PUBLIC_ROUTES.length);
  });

  test('logs neither query strings, which hold codes, nor headers, which hold session tokens', () => {
    const { AccessLogSettings: settings } = deployed.properties('AWS::ApiGatewayV2::Stage', 'BrokerApi');
    const { Format } = settings as { Format: string };
    expect(Format).toContain('$context.identity.userArn');
    expect(Format).not.toMatch(/querystring|header|userAgent|\$context\.requestOverride/i);
  });

  test('is throttled, and reaches functions through an alias only', () => {
    template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 },
    });
    for (const [id] of deployed.ofType('AWS::ApiGatewayV2::Integration')) {
      expect(deployed.properties('AWS::ApiGatewayV2::Integration', id).IntegrationUri).toMatch(/:live$/);
    }
  });

  test('has a limit of its own for each route that anybody may call, which exists before the stage names it', () => {
    const [id, { Properties, DependsOn }] = deployed.ofType('AWS::ApiGatewayV2::Stage')[0]!;
    expect([id, Properties.RouteSettings]).toEqual([
      id,
      Object.fromEntries(
        PUBLIC_ROUTES.map((key) => [key, { ThrottlingRateLimit: 10, ThrottlingBurstLimit: 20 }]),
      ),
    ]);
    const routes = deployed
      .ofType('AWS::ApiGatewayV2::Route')
      .filter(([, { Properties: route }]) => route.AuthorizationType === 'NONE');
    expect(DependsOn).toEqual(expect.arrayContaining(routes.map(([route]) => route)));
  });

  test('logs where no policy of the account fills up, in a group of the very stack', () => {
    expect(deployed.properties('AWS::Logs::LogGroup', 'AccessLogs').LogGroupName).toBe(
      '/aws/vendedlogs/token-broker/11111111-1111-1111-1111-111111111111',
    );
  });

  test('sends no CORS headers', () => {
    template.hasResourceProperties('AWS::ApiGatewayV2::Api', { CorsConfiguration: Match.absent() });
  });
});

describe('functions', () => {
  test('run Node 24 on arm64, each with a role and a log group of its own that is encrypted', () => {
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
    });
    const functions = deployed.ofType('AWS::Lambda::Function').map(([, { Properties }]) => Properties);
    for (const own of ['Role', 'LoggingConfig']) {
      expect(new Set(functions.map((properties) => JSON.stringify(properties[own]))).size).toBe(
        functions.length,
      );
    }
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      RetentionInDays: 90,
      KmsKeyId: Match.anyValue(),
    });
  });

  test('leave dead letters only where no event holds what a caller sent', () => {
    const leaving = deployed
      .ofType('AWS::Lambda::Function')
      .filter(([, { Properties }]) => Properties.DeadLetterConfig);
    expect(leaving.map(([id]) => /^Broker(.+)Function/.exec(id)?.[1])).toEqual(['Refresh', 'SealingKey']);
  });

  test('have less than 4 KB of environment, under names that the functions read', () => {
    const names = [...Object.values<string>(ENVIRONMENT)];
    for (const view of [deployed, new Deployed(full)]) {
      for (const [id] of view.ofType('AWS::Lambda::Function')) {
        const { Environment } = view.properties('AWS::Lambda::Function', id);
        const { Variables } = Environment as { Variables: Record<string, string> };
        expect(Object.entries(Variables).flat().join('').length).toBeLessThan(4_096);
        expect(Object.keys(Variables).filter((name) => !names.includes(name))).toEqual([]);
      }
    }
  });

  test('have one alias a connection that admits direct invokes', () => {
    const { Connections } = deployed.properties('Custom::InvokeAliases', 'Aliases');
    expect(Object.keys(Connections as object)).toEqual([
      'logs-jobs',
      'logs-portal',
      'research-user',
      'onboarding',
    ]);
  });

  test('keep their versions, so that going back is one move of an alias', () => {
    template.allResources('AWS::Lambda::Version', {
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
  });

  test('are retried once at most when called asynchronously', () => {
    template.allResourcesProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 1 });
  });

  test('keep warm what callers wait for on its version, so that aliases do not each pay', () => {
    const versions = new Deployed(full).ofType('AWS::Lambda::Version');
    const warm = versions.filter(([, { Properties }]) => Properties.ProvisionedConcurrencyConfig);
    expect(warm.map(([id]) => /Broker(Https|Invoke)/.exec(id)?.[1]).sort()).toEqual(['Https', 'Invoke']);
    for (const [, { Properties }] of new Deployed(full).ofType('AWS::Lambda::Alias')) {
      expect(Properties).not.toHaveProperty('ProvisionedConcurrencyConfig');
    }
  });
});

test('sweeps are one a shard, retried once, and given up into the dead-letter queue', () => {
  const schedules = new Deployed(full)
    .ofType('AWS::Scheduler::Schedule')
    .map(([, { Properties }]) => Properties);
  expect(schedules.map(({ Target }) => (Target as { Input: string }).Input)).toEqual(
    [0, 1, 2, 3].map((shard) => `{"shard":${shard},"look_ahead":90}`),
  );
  full.allResourcesProperties('AWS::Scheduler::Schedule', {
    ScheduleExpression: 'rate(1 minute)',
    Target: {
      RetryPolicy: { MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60 },
      DeadLetterConfig: Match.anyValue(),
    },
  });
});

test('the scheduler may invoke the refresh function by its alias, put dead letters aside, and nothing else', () => {
  const statements = deployed
    .policiesOf(deployed.role('SweepsRole'))
    .flatMap(({ policy }) => policy.Statement);
  expect(statements.map(({ Action, Resource }) => [Action, Resource])).toEqual([
    ['lambda:InvokeFunction', `arn:aws:lambda:${REGION}:${ACCOUNT}:function:token-broker-refresh:live`],
    ['sqs:SendMessage', `arn:aws:sqs:${REGION}:${ACCOUNT}:${deployed.id('AWS::SQS::Queue', 'DeadLetters')}`],
  ]);
});

test('the keyring rotates through its function, more often than its keys are dropped', () => {
  template.hasResourceProperties('AWS::SecretsManager::RotationSchedule', {
    RotationRules: { AutomaticallyAfterDays: 30 },
    RotateImmediatelyOnUpdate: false,
  });
  template.hasResourceProperties('AWS::Lambda::Permission', {
    Principal: 'secretsmanager.amazonaws.com',
    SourceAccount: { Ref: 'AWS::AccountId' },
  });
});

describe('nobody but those named here', () => {
  const ANYBODY = /^\*$|"AWS":"\*"/;

  test('is let in: principals are wildcards only where something is denied', () => {
    const statements = Object.values(deployed.resources)
      .flatMap(({ Properties }) => Object.values(Properties ?? {}))
      .flatMap((document) => (document as { Statement?: Record<string, unknown>[] })?.Statement ?? []);
    const open = statements.filter(({ Principal }) => ANYBODY.test(JSON.stringify(Principal ?? '')));
    expect(open.length).toBeGreaterThan(0);
    expect(open.filter(({ Effect }) => Effect !== 'Deny')).toEqual([]);
  });

  test('gets every resource: network interfaces where there is a VPC, and tracing where it is asked for', () => {
    expect(wildcardActions(deployed)).toEqual([]);
    expect(wildcardActions(new Deployed(full)).filter((action) => !/^(xray|ec2):/.test(action))).toEqual([]);
  });

  function wildcardActions(view: Deployed): string[] {
    const statements = view
      .ofType('AWS::IAM::Policy')
      .flatMap(
        ([, { Properties }]) =>
          (Properties.PolicyDocument as { Statement: Record<string, unknown>[] }).Statement,
      );
    const wide = statements.filter(({ Resource, Effect }) => Resource === '*' && Effect === 'Allow');
    return [...new Set(wide.flatMap(({ Action }) => Action as string | string[]))].sort();
  }
});

test('alarms say what to do', () => {
  const alarms = new Deployed(full).ofType('AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  for (const { AlarmDescription } of alarms) expect(String(AlarmDescription).length).toBeGreaterThan(40);
});

test('alarms reach an address through an encrypted topic that they may publish to', () => {
  full.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
  full.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'oncall@example.com' });
  const alarms = {
    Effect: 'Allow',
    Principal: { Service: 'cloudwatch.amazonaws.com' },
    Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
  };
  full.hasResourceProperties('AWS::SNS::TopicPolicy', {
    PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ ...alarms, Action: 'sns:Publish' })]) },
  });
  full.hasResourceProperties('AWS::KMS::Key', {
    KeyPolicy: {
      Statement: Match.arrayWith([
        Match.objectLike({ ...alarms, Action: ['kms:Decrypt', 'kms:GenerateDataKey'] }),
      ]),
    },
  });
  const notified = new Deployed(full)
    .ofType('AWS::CloudWatch::Alarm')
    .filter(([, { Properties }]) => Properties.AlarmActions)
    .map(([id]) => id);
  expect(notified).toHaveLength(14);
});

test('an own domain is the URL that functions and vendors are told', () => {
  const view = new Deployed(full);
  const { Environment } = view.properties('AWS::Lambda::Function', 'Https');
  expect(Environment).toMatchObject({ Variables: { PUBLIC_URL: 'https://tokens.example.com' } });
  full.hasResourceProperties('AWS::SSM::Parameter', { Value: 'https://tokens.example.com/callback' });
  full.hasResourceProperties('AWS::Route53::RecordSet', { Name: 'tokens.example.com.' });
  full.hasResourceProperties('AWS::ApiGatewayV2::Api', { DisableExecuteApiEndpoint: true });
  template.hasResourceProperties('AWS::ApiGatewayV2::Api', { DisableExecuteApiEndpoint: false });
});

test('a VPC that exists is used by the functions that call vendors, and nothing is made in it but a group', () => {
  const { template: inVpc } = synthesize({
    props: (stack) => ({
      egress: {
        vpc: Vpc.fromVpcAttributes(stack, 'Existing', {
          vpcId: 'vpc-0123456789abcdef0',
          availabilityZones: ['a', 'b'],
          privateSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
        }),
      },
    }),
  });
  const functions = new Deployed(inVpc).ofType('AWS::Lambda::Function');
  const inside = functions.filter(([, { Properties }]) => Properties.VpcConfig).map(([id]) => id);
  expect(inside.map((id) => /^Broker(Https|Invoke|Callback|Refresh)Function/.exec(id)?.[1])).toEqual([
    'Https',
    'Invoke',
    'Callback',
    'Refresh',
  ]);
  const made = Object.values(new Deployed(inVpc).resources).filter(({ Type }) =>
    Type.startsWith('AWS::EC2::'),
  );
  expect(made.map(({ Type }) => Type)).toEqual(['AWS::EC2::SecurityGroup']);
  expect(made[0]!.Properties.SecurityGroupIngress).toBeUndefined();
});

test('functions with a network of their own reach every port that the connections name, and no other', () => {
  const acme = {
    vendor: 'custom',
    issuer: 'https://as.example.com:8443',
    endpoint_hosts: ['tokens.example.com:9443'],
  };
  const connections = {
    one: { vendor: 'bits', scope: 'application' },
    two: acme,
    three: { vendor: 'bugsplat', scope: 'symbols', base_url: 'https://crashes.example.com:7443' },
  };
  const { template: reaching } = synthesize({
    props: () => ({ egress: 'static-ip', connections: { connections } }),
  });
  const { SecurityGroupEgress } = new Deployed(reaching).properties('AWS::EC2::SecurityGroup', 'Outward');
  expect((SecurityGroupEgress as { FromPort: number }[]).map(({ FromPort }) => FromPort)).toEqual([
    443, 7443, 8443, 9443,
  ]);
});

test('the public function has concurrency of its own where it is asked for, and none by default', () => {
  const of = (view: Template) => new Deployed(view).properties('AWS::Lambda::Function', 'BrokerCallback');
  expect(of(template)).not.toHaveProperty('ReservedConcurrentExecutions');
  expect(of(full)).toHaveProperty('ReservedConcurrentExecutions', 5);
});

test('a static address is two, kept for good, told to the operator, and none by default', () => {
  full.resourceCountIs('AWS::EC2::NatGateway', 2);
  full.allResources('AWS::EC2::EIP', {
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
  });
  full.resourceCountIs('AWS::EC2::EIP', 2);
  // DynamoDB's costs nothing; of the others only Secrets Manager is called from the functions' network.
  full.resourceCountIs('AWS::EC2::VPCEndpoint', 2);
  full.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT' });
  expect(Object.keys(full.findOutputs('*')).some((id) => id.includes('EgressAddresses'))).toBe(true);
  template.resourceCountIs('AWS::EC2::VPC', 0);
});

test('endpoint, function, dashboard and tables are found from parameters', () => {
  const names = new Deployed(full).ofType('AWS::SSM::Parameter').map(([, { Properties }]) => Properties.Name);
  expect(names).toEqual(
    ['endpoint', 'callback-url', 'invoke-function', 'dashboard', 'tokens-table', 'grants-table'].map(
      (name) => `/prod-token-broker/${name}`,
    ),
  );
});

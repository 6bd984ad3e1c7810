/** The construct as others use it: what its types refuse, and what it gives. Types are checked by `npm run types`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { type IGrantable, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest';
import { type ConnectionMembers, imported } from '../../infra/connection-members.ts';
import file from '../../infra/connections.json' with { type: 'json' };
import { TokenBroker } from '../../infra/token-broker.ts';
import type { ConnectionMembers as Members } from '../../shared/connections/schema.ts';
import { Deployed } from './deployed.ts';
import { everything, synthesize } from './synth.ts';

const folder = mkdtempSync(join(tmpdir(), 'construct-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stackOf = (context: Record<string, unknown> = { 'aws:cdk:bundling-stacks': [] }) =>
  new Stack(new App({ outdir: mkdtempSync(join(folder, 'cdk.out-')), context }), 'Mine');
const onboarding = { vendor: 'bits', scope: 'application' } as const;
const ACME = 'test/infra/vendors/acme.ts';

describe('names of connections are known to the compiler', () => {
  test('where they are written in TypeScript', () => {
    const broker = new TokenBroker(stackOf(), 'Broker', { connections: { connections: { onboarding } } });
    const role = new Role(broker, 'Job', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
    broker.grantToken(role, 'onboarding');
    // @ts-expect-error: no such connection
    expect(() => broker.grantToken(role, 'onbording')).toThrow('There is no connection "onbording"');
  });

  test('where the file is imported', () => {
    const broker = new TokenBroker(stackOf(), 'Broker', { connections: imported(file) });
    const role: IGrantable = new Role(broker, 'Job', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
    });
    broker.grantToken(role, 'logs-jobs');
    // @ts-expect-error: no such connection
    expect(() => broker.grantRead(role, 'logs-job')).toThrow('There is no connection "logs-job"');
  });

  test('and not where it is a path: then synth tells', () => {
    const broker = new TokenBroker(stackOf(), 'Broker', { connections: 'infra/connections.json' });
    const role = new Role(broker, 'Job', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
    expect(() => broker.grantToken(role, 'logs-job')).toThrow('There is no connection "logs-job"');
  });
});

test('a connection that names no vendor, grant or member of ours does not compile', () => {
  const made = (connection: ConnectionMembers) => () =>
    new TokenBroker(stackOf(), 'Broker', { connections: { connections: { connection } } });
  // @ts-expect-error: no such vendor
  expect(made({ vendor: 'bit', scope: 'application' })).toThrow(/did you mean "bits"/);
  // @ts-expect-error: no such grant
  expect(made({ vendor: 'bits', scope: 'application', grant: 'password' })).toThrow(/grant/);
  // @ts-expect-error: no such member
  expect(made({ vendor: 'bits', scop: 'application' })).toThrow(/did you mean "scope"/);
});

test("the type has the members that the file's schema has, no more and no fewer", () => {
  expectTypeOf<Exclude<keyof Members, keyof ConnectionMembers>>().toBeNever();
  expectTypeOf<Exclude<keyof ConnectionMembers, keyof Members>>().toBeNever();
  const fits = (connection: Members): Omit<ConnectionMembers, 'vendor'> => connection;
  expect(fits({ vendor: 'bits' })).toEqual({ vendor: 'bits' });
});

describe('a vendor that is brought along', () => {
  test('is checked like the others, and goes beside every bundle that calls vendors', async () => {
    const stack = stackOf({});
    const connections = { connections: { parts: { vendor: 'acme', scope: 'parts' } } } as const;
    new TokenBroker(stack, 'Broker', { connections, vendors: { acme: ACME } });
    const { outdir } = stack.node.root as App & { outdir: string };
    Template.fromStack(stack);
    const withVendors = readdirSync(outdir)
      .filter((name) => name.startsWith('asset.'))
      .filter((name) => readdirSync(join(outdir, name)).includes('vendors.mjs'));
    expect(withVendors).toHaveLength(4);
    const brought = await import(join(outdir, withVendors[0]!, 'vendors.mjs'));
    expect(Object.keys(brought)).toEqual(['acme']);
    const connection = { baseUrl: 'https://x.example' };
    expect(brought.acme.server(connection)).toEqual({ tokenEndpoint: 'https://x.example/token' });
    expect(readFileSync(join(outdir, withVendors[0]!, 'index.cjs'), 'utf8')).toContain('vendors.mjs');
  });

  test('is known to the compiler by its name alone', () => {
    const wrong = () =>
      new TokenBroker(stackOf(), 'Broker', {
        vendors: { acme: ACME },
        // @ts-expect-error: no such vendor
        connections: { connections: { parts: { vendor: 'acmee', scope: 'parts' } } },
      });
    expect(wrong).toThrow(/did you mean "acme"/);
  });

  test.each([
    ['Acme', ACME, 'is not a name'],
    ['bits', ACME, 'has the name of a vendor that is built in'],
    ['acme', 'none.ts', 'is not there'],
    ['other', ACME, 'calls itself "acme"'],
    ['acme', 'infra/stage.ts', 'imports ../shared/contract/names.ts: it may import types'],
  ])('as %s from %s: it %s', (name, path, message) => {
    const connections = { connections: { onboarding } };
    expect(() => new TokenBroker(stackOf(), 'Broker', { connections, vendors: { [name]: path } })).toThrow(
      message,
    );
  });

  test('is refused when it exports none', () => {
    const empty = join(folder, 'empty.mjs');
    writeFileSync(empty, 'export default {};');
    const connections = { connections: { onboarding } };
    expect(() => new TokenBroker(stackOf(), 'Broker', { connections, vendors: { empty } })).toThrow(
      'has no default export that is a Vendor',
    );
  });
});

test('two brokers fit one stack only if a stage keeps their names apart', () => {
  const stack = stackOf();
  const connections = { connections: { onboarding } };
  new TokenBroker(stack, 'One', { connections });
  expect(() => new TokenBroker(stack, 'Two', { connections })).toThrow(
    'Two and One are two brokers of one stack with the same names: give one of them a stage of its own.',
  );
  const other = stackOf();
  new TokenBroker(other, 'One', { connections });
  new TokenBroker(other, 'Two', { connections, stage: 'test' });
  expect(Object.keys(Template.fromStack(other).findOutputs('*'))).toEqual(
    expect.arrayContaining(['TokenBrokerEndpoint', 'TokenBrokerTestEndpoint']),
  );
});

test('outputs have names that can be written down', () => {
  const { template } = synthesize({ props: () => ({ stage: 'pre-prod' }) });
  expect(Object.keys(template.findOutputs('*'))).toEqual([
    'TokenBrokerPreProdEndpoint',
    'TokenBrokerPreProdCallbackUrl',
    'TokenBrokerPreProdInvokeFunction',
    'TokenBrokerPreProdDashboardName',
    'TokenBrokerPreProdTokensTable',
    'TokenBrokerPreProdGrantsTable',
  ]);
});

test('what others build on is public: endpoint, functions, tables, key, alarms and metrics', () => {
  const { broker, stack } = synthesize();
  const resolved = (value: unknown) => stack.resolve(value);
  expect(resolved(broker.functions.invoke.functionName)).toEqual({ Ref: expect.stringContaining('Invoke') });
  expect(resolved(broker.tables.grants.tableArn)).toBeDefined();
  expect(resolved(broker.key.keyArn)).toBeDefined();
  expect(resolved(broker.api.apiId)).toBeDefined();
  const service = { service: 'token-broker' };
  expect(broker.metricRequests()).toMatchObject({ metricName: 'Requests', dimensions: service });
  expect(broker.metricErrors('busy').dimensions).toEqual({ ...service, Code: 'busy' });
  expect(broker.metricConsentRequired({ statistic: 'Maximum' }).statistic).toBe('Maximum');
  expect(broker.metricVendorRejections().metricName).toBe('VendorRejections');
});

describe('a canary', () => {
  const { template } = synthesize({ props: everything });

  test('moves the functions behind the API by CodeDeploy, which goes back when they crash', () => {
    template.resourceCountIs('AWS::CodeDeploy::DeploymentGroup', 2);
    template.allResourcesProperties('AWS::CodeDeploy::DeploymentGroup', {
      DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
      AlarmConfiguration: { Enabled: true },
      AutoRollbackConfiguration: { Enabled: true, Events: Match.arrayWith(['DEPLOYMENT_STOP_ON_ALARM']) },
    });
    template.hasResource('AWS::Lambda::Alias', {
      UpdatePolicy: { CodeDeployLambdaAliasUpdate: Match.anyValue() },
    });
  });

  test('comes before the aliases of direct invoke', () => {
    const { resources } = new Deployed(template);
    const [aliases] = Object.values(resources).filter(({ Type }) => Type === 'Custom::InvokeAliases');
    const after = (aliases as unknown as { DependsOn: string[] }).DependsOn;
    expect(after).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^BrokerHttpsAliaslive/),
        expect.stringMatching(/^BrokerCallbackAliaslive/),
      ]),
    );
  });

  test('is not there unless asked for', () => {
    synthesize().template.resourceCountIs('AWS::CodeDeploy::DeploymentGroup', 0);
  });
});

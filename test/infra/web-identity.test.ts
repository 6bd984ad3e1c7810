/** Who may ask AWS for its word, for whom, and that nothing is stored for it. */
import { type Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { Deployed } from './deployed.ts';
import { functionArn, mayFunction } from './simulate.ts';
import { everything, synthesize } from './synth.ts';

const FUNCTIONS = ['Https', 'Invoke', 'Callback', 'Refresh', 'SealingKey'];
const vouched = { vendor: 'custom', client_auth: 'aws_web_identity', client_id: 'a' } as const;
const connections = {
  service: { ...vouched, issuer: 'https://as.example.com' },
  person: {
    ...vouched,
    issuer: 'https://entra.example.com',
    identity_audience: 'api://Exchange',
    signing_alg: 'ES384',
    grant: 'authorization_code',
  },
} as const;
const deployed = new Deployed(synthesize({ props: () => ({ connections: { connections } }) }).template);

const context = (audience: string, algorithm: string, life = '60') => ({
  'sts:IdentityTokenAudience': audience,
  'sts:SigningAlgorithm': algorithm,
  'sts:DurationSeconds': life,
});
const may = (fn: string, asked: object, from?: string) =>
  mayFunction(
    deployed,
    fn,
    { action: 'sts:GetWebIdentityToken', resource: '*', context: { ...asked } },
    from,
  );
const able = async (asked: object) => {
  const all = await Promise.all(FUNCTIONS.map((fn) => may(fn, asked)));
  return FUNCTIONS.filter((_, index) => all[index]);
};

describe.each([
  ['https://as.example.com', 'RS256', ['Https', 'Invoke', 'Refresh']],
  ['api://Exchange', 'ES384', ['Https', 'Invoke', 'Callback', 'Refresh']],
])('AWS vouches to %s', (audience, algorithm, functions) => {
  test('for the functions that need it, from their own code', async () => {
    expect(await able(context(audience, algorithm))).toEqual(functions);
    for (const fn of FUNCTIONS) {
      const another = functionArn(deployed, fn).replace(/[^:]+$/, 'another');
      expect(await may(fn, context(audience, algorithm), another)).toBe(false);
    }
  });

  test('by this algorithm, for a minute, and to nobody else', async () => {
    const other = algorithm === 'RS256' ? 'ES384' : 'RS256';
    expect(await able(context(audience, other))).toEqual([]);
    expect(await able(context(audience, algorithm, '61'))).toEqual([]);
    expect(await able(context('https://another.example', algorithm))).toEqual([]);
  });
});

test('no secret is made, and none may be read', () => {
  const names = deployed.ofType('AWS::SecretsManager::Secret').map(([, { Properties }]) => Properties.Name);
  expect(names).toEqual(['token-broker-internal/sealing-keyring']);
});

test('a review finds why no resource is named, also where other statements name none', () => {
  const checked = () =>
    synthesize({
      props: (stack: Stack) => ({ ...everything(stack), connections: { connections } }),
      extend: (_, { node }) => Validations.of(node.root).addPlugins(new AwsSolutionsChecks(node.root)),
    });
  expect(checked).not.toThrow();
});

test('a broker whose connections have secrets asks AWS for nothing', async () => {
  const stored = new Deployed(
    synthesize({
      props: () => ({ connections: { connections: { one: { vendor: 'bits', scope: 'application' } } } }),
    }).template,
  );
  expect(JSON.stringify(stored.policiesOf(stored.role('HttpsRole')))).not.toContain('sts:');
});

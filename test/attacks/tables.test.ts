/** Whoever may write a table by IAM, an administrator's script say, still writes no item of the broker's; and if, it does not open. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { Deployed } from '../infra/deployed.ts';
import { synthesize } from '../infra/synth.ts';
import { brokerWorld, refusal } from '../support/broker.ts';
import { Browser } from '../support/consent-browser.ts';
import { decide, grantProcess, research, secretOf } from '../support/grants.ts';
import { rawItems } from '../support/raw-items.ts';

const world = brokerWorld();
const raw = rawItems(world);
type Altered = Record<string, AttributeValue | undefined>;

test.each<[string, (item: Record<string, AttributeValue>) => Altered]>([
  ['its refresh token emptied', () => ({ refresh_token: undefined })],
  ['called revoked', () => ({ status: { S: 'revoked' } })],
  ['of broader scopes', () => ({ scopes: { L: [{ S: 'research:write' }] } })],
  ['consented to by somebody else', () => ({ consented_by: { S: 'arn:aws:iam::111122223333:role/x' } })],
  [
    'of a token that lives longer',
    ({ expires_at }) => ({ expires_at: { N: `${Number(expires_at!.N) + 9e9}` } }),
  ],
  ['with no attempt on record', () => ({ attempts: { L: [{ S: 'none' }] } })],
  [
    'sent to another server',
    () => ({ binding: { M: { token_endpoint: { S: 'https://x.example' }, client_id: { S: 'x' } } } }),
  ],
])('a grant that was altered in its table does not open: %s', async (_, alter) => {
  const process = grantProcess(world, await research(world));
  await process.consent('ada');
  const item = (await raw.grant(process.connection.name, 'ada'))!;
  const altered = Object.entries({ ...item, ...alter(item) }).filter(([, value]) => value !== undefined);
  await raw.putGrant(Object.fromEntries(altered) as typeof item);
  expect(await refusal(process.token({ subject: 'ada' }))).toMatchObject({ error: 'store_unavailable' });
  await raw.putGrant(item);
  expect(await process.token({ subject: 'ada' })).toMatchObject({ source: 'table' });
});

test('whose grant a consent will be cannot be changed in its table, so that nobody is given what another consented to', async () => {
  const process = grantProcess(world, await research(world));
  const secret = secretOf(await process.begin({ subject: 'ada' }));
  const browser = Browser.of(process);
  const { url } = await browser.goOn(secret);
  const [item] = await raw.consents(process.connection.name);
  await raw.putConsent({ ...item, subject: { S: 'mallory' } });
  expect((await browser.comeBack(await decide(url))).statusCode).toBe(503);
  expect(await process.describe('mallory')).toMatchObject({ grant_status: 'none' });
  await raw.putConsent(item!);
  expect((await browser.comeBack(await decide(url))).body).toContain('<h1>Connected</h1>');
});

test('both tables refuse items to everybody but the roles of the broker', () => {
  const deployed = new Deployed(synthesize().template);
  const tables = deployed.ofType('AWS::DynamoDB::Table');
  expect(tables).toHaveLength(2);
  for (const [, { Properties }] of tables) {
    const [statement] = (
      Properties.ResourcePolicy as { PolicyDocument: { Statement: Record<string, unknown>[] } }
    ).PolicyDocument.Statement;
    expect(statement).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' } });
    expect(statement!.Action).toEqual(
      expect.arrayContaining(['dynamodb:PutItem', 'dynamodb:GetItem', 'dynamodb:Scan']),
    );
    const admitted = JSON.stringify(statement!.Condition);
    for (const role of ['Https', 'Invoke', 'Callback', 'Refresh', 'SealingKey'])
      expect(admitted).toContain(`Broker${role}Role`);
  }
});

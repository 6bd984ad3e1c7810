/** Whoever may write a table by IAM, an administrator's script say, still writes no item of the broker's. */
import { expect, test } from 'vitest';
import { Deployed } from '../infra/deployed.ts';
import { synthesize } from '../infra/synth.ts';

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

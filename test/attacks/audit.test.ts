/** What is refused leaves a trace, of all that is known by then and of nothing that may be secret. */
import { expect, test } from 'vitest';
import { httpsHandler } from '../../functions/https.ts';
import { invokeHandler } from '../../functions/invoke.ts';
import type { BrokerEvent } from '../../shared/broker/events.ts';
import { brokerWorld } from '../support/broker.ts';
import { httpsEvent, INVOKE_ARN, lambdaContext } from '../support/lambda.ts';

const world = brokerWorld();

const audits = (events: readonly BrokerEvent[]) => events.filter(({ type }) => type === 'audit');

test('a request for what the caller may not have is recorded with what it asked for', async () => {
  const role = 'arn:aws:iam::111122223333:role/ci';
  const callers = [{ principal: role, scopes: ['application.read'] }];
  const connection = await world.connect(
    { vendor: 'bits', scope: 'application', scopes: ['application', 'application.read'], callers },
    'bits',
  );
  const process = world.process(connection);
  const rejected = 'x'.repeat(43);
  await process.token({ scope: 'application', min_ttl: 60, rejected }).catch(() => undefined);
  expect(audits(process.events)).toMatchObject([
    { outcome: 'access_denied', subject: 'default', scope: 'application', asks: ['min_ttl', 'rejected'] },
  ]);
  expect(JSON.stringify(process.events)).not.toContain(rejected);
});

test('an odd path is recorded, with who sent it', async () => {
  const process = world.process(await world.connect({ vendor: 'bits', scope: 'application' }, 'bits'));
  const event = { ...httpsEvent({ request: 'GET /connections' }), rawPath: '/connections/..%2fother' };
  await httpsHandler(process.broker)(event, lambdaContext()).catch(() => undefined);
  expect(audits(process.events)).toMatchObject([
    {
      action: 'unknown',
      connection: 'unknown',
      outcome: 'access_denied',
      principal: expect.stringMatching(/^arn:/),
    },
  ]);
});

test.each(['', ':$LATEST', ':7'])('an invoke of no alias (%j) is recorded', async (qualifier) => {
  const process = world.process(await world.connect({ vendor: 'bits', scope: 'application' }, 'bits'));
  const context = lambdaContext(`${INVOKE_ARN}${qualifier}`);
  await invokeHandler(process.broker)({ connection: 'forged' }, context).catch(() => undefined);
  expect(audits(process.events)).toMatchObject([
    {
      action: 'unknown',
      outcome: 'access_denied',
      principal: 'lambda:invoke',
      detail: expect.stringContaining('alias'),
    },
  ]);
});

/** Invariant 7: authorization stands outside everything, and whatever comes of a request is on record. */
import { describe, expect, test } from 'vitest';
import { type Caller, httpsCaller } from '../../shared/broker/caller.ts';
import type { AuditRecord } from '../../shared/broker/events.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import type { Body } from '../../shared/contract/body.ts';
import { jsonBody } from '../support/ask.ts';
import { type BrokerProcess, brokerWorld, counted, HTTPS_LIMIT, refusal } from '../support/broker.ts';

const world = brokerWorld();

const caller = (role: string) => httpsCaller(`arn:aws:sts::111122223333:assumed-role/${role}/session`);

const callers = [
  { principal: 'arn:aws:iam::111122223333:role/ci', scopes: ['application'], actions: ['token'] },
  { principal: 'arn:aws:iam::111122223333:role/admin' },
];

const guarded = () =>
  world.connect(
    { vendor: 'bits', scopes: ['application', 'application.read'], scope: 'application', callers },
    'bits',
  );

function ask(process: BrokerProcess, connection: Connection, who: Caller, body: Body = jsonBody({})) {
  const begunAt = world.clock.now();
  const span = { begunAt, endsAt: begunAt + HTTPS_LIMIT };
  return process.broker.token({ caller: who, connection: connection.name, span, body });
}

const audits = ({ events }: BrokerProcess) =>
  events.filter((event): event is AuditRecord => event.type === 'audit');

describe('a caller who is not admitted', () => {
  test('gets nothing parsed, looked up or asked for, be the token in memory or not', async () => {
    const connection = await guarded();
    const process = world.process(connection);
    await ask(process, connection, caller('admin'));
    let looks = 0;
    const body: Body = {
      ...jsonBody({}),
      get content() {
        looks += 1;
        return '{}';
      },
    };
    const attempt = async () => {
      expect(await refusal(ask(process, connection, caller('stranger'), body))).toMatchObject({
        error: 'access_denied',
      });
    };
    const secrets = () => counted(world.secretsManager, attempt);
    expect(await counted(world.dynamodb, async () => expect(await secrets()).toEqual({}))).toEqual({});
    expect(looks).toBe(0);
    await ask(process, connection, caller('admin'), body);
    expect(looks).toBe(1);
  });

  test('to a scope does not get its token, though memory has it', async () => {
    const connection = await guarded();
    const process = world.process(connection);
    const read = jsonBody({ scope: 'application.read' });
    await ask(process, connection, caller('admin'), read);
    const wire = await counted(world.dynamodb, async () => {
      expect(await refusal(ask(process, connection, caller('ci'), read))).toMatchObject({
        error: 'access_denied',
      });
    });
    expect(wire).toEqual({});
    expect(await ask(process, connection, caller('ci'))).toHaveProperty('access_token');
  });
});

describe('the audit has one record per outcome', () => {
  test('of a refusal, with the caller and what was asked for', async () => {
    const connection = await guarded();
    const process = world.process(connection);
    await refusal(ask(process, connection, caller('stranger')));
    expect(audits(process)).toEqual([
      {
        type: 'audit',
        action: 'token',
        principal: caller('stranger').arn,
        connection: connection.name,
        outcome: 'access_denied',
        detail: expect.any(String),
        duration: expect.any(Number),
      },
    ]);
  });

  test('of a vendor’s refusal, with the vendor’s error', async () => {
    const connection = await guarded();
    const process = world.process(connection);
    world.vendors.bits.setFault({ fault: 'oauth_error', error: 'unauthorized_client' });
    await refusal(ask(process, connection, caller('admin')));
    expect(audits(process)).toMatchObject([
      { outcome: 'vendor_rejected', vendorError: 'unauthorized_client', scope: 'application' },
    ]);
  });

  test('of an answer with a warning, with the warning', async () => {
    const connection = await guarded();
    const process = world.process(connection);
    await ask(process, connection, caller('admin'), jsonBody({ min_ttl: 86_400 }));
    world.clock.advance(1_000);
    await ask(process, connection, caller('admin'), jsonBody({ min_ttl: 86_400 }));
    expect(audits(process).at(-1)).toMatchObject({
      outcome: 'success',
      source: 'table',
      warning: expect.stringContaining('min_mint_interval'),
    });
  });

  test('of a defect, with nothing of it but its class', async () => {
    const connection = await guarded();
    const process = world.process(connection);
    const defect: Body = {
      get event(): never {
        throw new RangeError('canary');
      },
    };
    await expect(ask(process, connection, caller('admin'), defect)).rejects.toThrow(RangeError);
    expect(audits(process)).toMatchObject([{ outcome: 'internal', detail: 'RangeError' }]);
    expect(JSON.stringify(process.events)).not.toContain('canary');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FaultOrder } from '../../../functions/simulator/fault-plan.ts';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import { nextFailure, rememberedError, stillStands } from '../../../shared/broker/vendor/failure.ts';
import { VendorError } from '../../../shared/contract/errors.ts';
import { brokerWorld, mints, refusal } from '../../support/broker.ts';
import { grantProcess } from '../../support/grants.ts';

const world = brokerWorld();

const symbols = () => world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');

/** Registered for the demo client. */
const REDIRECT_URI = 'http://127.0.0.1:8787/callback';

/** What of an answer tells a caller whether and when to ask again. */
const MAY_PASS = { error: 'vendor_unavailable' };
const REFUSED = { error: 'vendor_rejected' };

describe('a vendor that misbehaves', () => {
  test.each<[FaultOrder, { error: string; [member: string]: unknown }, number]>([
    [{ fault: 'too_many_requests' }, MAY_PASS, 2],
    [{ fault: 'too_many_requests', retry_after: 30 }, { ...MAY_PASS, retry_after: 30 }, 1],
    [{ fault: 'too_many_requests', retry_after: 86_400 }, { ...MAY_PASS, retry_after: 60 }, 1],
    [{ fault: 'server_error' }, MAY_PASS, 2],
    [{ fault: 'server_error', status: 500, processed: true }, MAY_PASS, 2],
    [{ fault: 'server_error', retry_after: 40 }, { ...MAY_PASS, retry_after: 40 }, 1],
    [{ fault: 'error_in_200' }, { ...REFUSED, vendor_error: 'invalid_client' }, 1],
    [{ fault: 'error_in_200', processed: true }, { ...REFUSED, vendor_error: 'invalid_client' }, 1],
    [{ fault: 'error_in_200', error: 'temporarily_unavailable' }, MAY_PASS, 2],
    [{ fault: 'message_only' }, REFUSED, 1],
    [{ fault: 'empty_object' }, MAY_PASS, 2],
    [{ fault: 'empty_body' }, MAY_PASS, 2],
    [{ fault: 'truncated_json' }, MAY_PASS, 2],
    [{ fault: 'broken_off' }, MAY_PASS, 2],
    [{ fault: 'huge' }, MAY_PASS, 2],
    [{ fault: 'endless' }, MAY_PASS, 2],
    [{ fault: 'dropped' }, MAY_PASS, 2],
    [{ fault: 'answer_lost' }, MAY_PASS, 2],
    [{ fault: 'redirect' }, { ...MAY_PASS, retry_after: 60 }, 1],
    [{ fault: 'redirect', status: 307 }, { ...MAY_PASS, retry_after: 60 }, 1],
    [{ fault: 'oauth_error', error: 'invalid_scope' }, { ...REFUSED, vendor_error: 'invalid_scope' }, 1],
    [{ fault: 'unauthorized' }, { ...REFUSED, vendor_error: 'invalid_client' }, 1],
    [{ fault: 'odd_member', member: 'access_token' }, MAY_PASS, 2],
    [{ fault: 'odd_member', member: 'access_token', value: 'two\r\nlines' }, MAY_PASS, 1],
    [{ fault: 'odd_member', member: 'token_type', value: 'Bearer x' }, REFUSED, 1],
    [{ fault: 'odd_member', member: 'token_type', value: 'MAC' }, REFUSED, 1],
  ])('%j gives %j after %i requests', async (order, answer, requests) => {
    const process = world.process(await symbols());
    world.vendors.bugsplat.setFault({ ...order, times: 0 });
    expect(await refusal(process.token())).toMatchObject(answer);
    expect(mints(world, 'bugsplat')).toBe(requests);
    expect(world.vendors.bugsplat.counters.snapshot().redirects_followed).toBe(0);
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'vendor_call', purpose: 'mint', outcome: answer.error }),
    );
  });

  test('slower than an attempt may be is given up, and asked once more', async () => {
    const process = world.process(await symbols(), { timing: { attemptTimeout: 150 } });
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 60_000, times: 0 });
    expect(await refusal(process.token())).toMatchObject(MAY_PASS);
    expect(mints(world, 'bugsplat')).toBe(2);
  });

  test('once is not noticed: the second attempt brings the token', async () => {
    const process = world.process(await symbols());
    world.vendors.bugsplat.setFault({ fault: 'server_error' });
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test.each<[unknown, number]>([
    [undefined, 3_600],
    ['1800', 1_800],
    [0, 3_600],
    [-5, 3_600],
    ['soon', 3_600],
    [null, 3_600],
    [1e15, 86_400],
    [59.5, 59.5],
  ])('with expires_in %j gives a token of %d s', async (value, seconds) => {
    const process = world.process(await symbols());
    world.vendors.bugsplat.setFault({
      fault: 'odd_member',
      member: 'expires_in',
      ...(value === undefined ? {} : { value }),
    });
    const token = await process.token();
    expect(Date.parse(token.expires_at) - Date.parse(token.minted_at)).toBe(seconds * 1000);
  });

  test('giving tokens that have ended when they arrive is not asked for more and more of them', async () => {
    const connection = await symbols();
    const process = world.process(connection);
    world.vendors.bugsplat.setFault({
      fault: 'odd_member',
      member: 'expires_in',
      value: 0.000_001,
      times: 0,
    });
    for (const requests of [1, 2, 3, 3]) {
      expect(await refusal(process.token())).toMatchObject(MAY_PASS);
      expect(mints(world, 'bugsplat')).toBe(requests);
    }
    expect(await refusal(world.process(connection).token())).toMatchObject(MAY_PASS);
    expect(mints(world, 'bugsplat')).toBe(3);
  });

  test('giving them for a refresh is not asked for more of them either', async () => {
    const grants = grantProcess(
      world,
      await world.connect(
        { vendor: 'bugfender', grant: 'authorization_code', redirect_uri: REDIRECT_URI },
        'bugfender-integration',
      ),
    );
    await grants.consent();
    world.clock.advance(3_600_000);
    world.vendors.bugfender.setFault({
      fault: 'odd_member',
      member: 'expires_in',
      value: 0.000_001,
      times: 0,
    });
    expect(await refusal(grants.token())).toMatchObject(MAY_PASS);
    expect(world.vendors.bugfender.counters.received('token', 'refresh_token')).toBe(1);
    world.vendors.bugfender.setFault();
    expect(await grants.token()).toMatchObject({ source: 'vendor' });
  });

  test.each<[FaultOrder, string]>([
    [{ fault: 'created' }, 'Bearer'],
    [{ fault: 'odd_member', member: 'token_type' }, 'Bearer'],
    [{ fault: 'odd_member', member: 'token_type', value: 'bEaReR' }, 'Bearer'],
  ])('in a way that does no harm (%j) gives a token of the type %s', async (order, type) => {
    const process = world.process(await symbols());
    world.vendors.bugsplat.setFault(order);
    expect(await process.token()).toMatchObject({ token_type: type, source: 'vendor' });
  });
});

describe('the memory of failures', () => {
  test('a refused request is not repeated while it is held: 2 s at first, then twice as long', async () => {
    const connection = await symbols();
    const process = world.process(connection);
    world.vendors.bugsplat.setFault({ fault: 'oauth_error', error: 'invalid_scope', times: 0 });
    let requests = 0;
    for (const held of [2, 4, 8, 16, 32, 60, 60]) {
      expect(await refusal(process.token())).toMatchObject({ vendor_error: 'invalid_scope' });
      requests += 1;
      world.clock.advance((held - 1) * 1000);
      for (const each of [process, world.process(connection)]) {
        const refused = await refusal(each.token());
        expect(refused).toMatchObject({ ...REFUSED, vendor_error: 'invalid_scope', retry_after: 1 });
      }
      expect(mints(world, 'bugsplat')).toBe(requests);
      world.clock.advance(1000);
    }
    world.vendors.bugsplat.setFault();
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('a vendor that says when to come back is left alone until then, by every process', async () => {
    const connection = await symbols();
    world.vendors.bugsplat.setFault({ fault: 'too_many_requests', retry_after: 30 });
    await refusal(world.process(connection).token());
    world.clock.advance(28_000);
    expect(await refusal(world.process(connection).token())).toMatchObject({ ...MAY_PASS, retry_after: 2 });
    expect(mints(world, 'bugsplat')).toBe(1);
    world.clock.advance(2_000);
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
  });

  test('a passing fault is asked about again at once, but from the third in a row on it is held', async () => {
    const process = world.process(await symbols(), { timing: { attempts: 1 } });
    world.vendors.bugsplat.setFault({ fault: 'server_error', times: 0 });
    for (const requests of [1, 2, 3, 3, 3]) {
      await refusal(process.token());
      expect(mints(world, 'bugsplat')).toBe(requests);
    }
    world.clock.advance(2_000);
    world.vendors.bugsplat.setFault();
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('a failure of one key says nothing about another', async () => {
    const connection = await world.connect(
      { vendor: 'bits', scopes: ['application', 'application.read'], scope: 'application' },
      'bits',
    );
    const process = world.process(connection);
    world.vendors.bits.setFault({ fault: 'oauth_error', error: 'invalid_scope' });
    await refusal(process.token());
    expect(await process.token({ scope: 'application.read' })).toMatchObject({ source: 'vendor' });
    expect(await refusal(process.token())).toMatchObject(REFUSED);
  });
});

describe('the backoff', () => {
  const code = fc.constantFrom('vendor_rejected' as const, 'vendor_unavailable' as const);
  const step = fc.record({ code, pause: fc.nat(400_000), retryAfter: fc.option(fc.nat(100_000)) });

  test('never holds longer than a minute, nor counts failures that are long past', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let now = 1_000_000;
        let failure: ReturnType<typeof nextFailure> | undefined;
        for (const { code, pause, retryAfter } of steps) {
          const error = new VendorError(code, 'No.', retryAfter === null ? {} : { retryAfter });
          const next = nextFailure(error, failure, PRODUCTION, now);
          expect(next.until - now).toBeGreaterThanOrEqual(code === 'vendor_rejected' ? 2_000 : 0);
          expect(next.until - now).toBeLessThanOrEqual(60_000);
          const past = failure === undefined || now - failure.until >= 300_000;
          expect(next.count).toBe(past ? 1 : failure!.count + 1);
          failure = next;
          now += pause;
        }
      }),
    );
  });

  test('what is remembered is told as it was, with the time that is left', () => {
    const error = new VendorError('vendor_rejected', 'No.', { vendorError: 'invalid_scope' });
    const failure = nextFailure(error, undefined, PRODUCTION, 0);
    expect(rememberedError(failure, 500).toJSON()).toEqual({
      error: 'vendor_rejected',
      error_description: 'No.',
      retry_after: 2,
      vendor_error: 'invalid_scope',
    });
    expect(rememberedError(failure, 2_000).toJSON()).not.toHaveProperty('retry_after');
  });

  test('a failure stands while it is held, and for those who asked before it happened', () => {
    const failure = nextFailure(new VendorError('vendor_unavailable', 'No.'), undefined, PRODUCTION, 1_000);
    expect(stillStands(failure, 999, 5_000)).toBe(true);
    expect(stillStands(failure, 1_001, 5_000)).toBe(false);
    expect(stillStands({ ...failure, until: 6_000 }, 1_001, 5_000)).toBe(true);
    expect(stillStands(undefined, 0, 0)).toBe(false);
  });
});

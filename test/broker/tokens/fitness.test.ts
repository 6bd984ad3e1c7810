import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import { type Fitness, fitnessOf, renewalDue } from '../../../shared/broker/tokens/fitness.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import type { Token } from '../../../shared/oauth/token.ts';

const BEGUN = 1_000_000;

/** @param left seconds of life at `BEGUN`; @param age seconds since minting, negative: minted after the request began */
function token(left: number, age: number): Token {
  return {
    accessToken: new Redacted('token'),
    tokenType: 'Bearer',
    fingerprint: 'print',
    expiresAt: BEGUN + left * 1000,
    mintedAt: BEGUN - age * 1000,
  };
}

test.each<[string, Token | undefined, { minTtl?: number; rejected?: string }, Fitness]>([
  ['no token', undefined, {}, 'none'],
  ['ten seconds left', token(10, 60), {}, 'good'],
  ['less than ten seconds left', token(9.999, 60), {}, 'none'],
  ['five seconds left, but minted just now', token(5, 0), {}, 'good'],
  ['minted just now and expired already', token(0, 0), {}, 'none'],
  ['exactly min_ttl left', token(600, 60), { minTtl: 600_000 }, 'good'],
  ['less than min_ttl left', token(599, 60), { minTtl: 600_000 }, 'short'],
  ['less than min_ttl left, but minted after the request began', token(599, -1), { minTtl: 600_000 }, 'good'],
  ['the refused one', token(600, 60), { rejected: 'print' }, 'refused'],
  ['the refused one again, minted after the request began', token(600, -1), { rejected: 'print' }, 'refused'],
  ['the refused one, too short besides', token(60, 60), { rejected: 'print', minTtl: 600_000 }, 'refused'],
  ['another than the refused one', token(600, 60), { rejected: 'other' }, 'good'],
])('a token with %s', (_, found, { minTtl = 0, rejected }, verdict) => {
  const need = { begunAt: BEGUN, minTtl, ...(rejected !== undefined && { rejected }) };
  expect(fitnessOf(found, need, PRODUCTION, BEGUN)).toBe(verdict);
});

describe('whatever the token and the need', () => {
  const anyToken = fc
    .tuple(fc.integer({ min: -100, max: 100_000 }), fc.integer({ min: -100, max: 100_000 }))
    .map(([left, age]) => token(left, age));
  const need = fc.record({
    begunAt: fc.constant(BEGUN),
    minTtl: fc.integer({ min: 0, max: 86_400_000 }),
    rejected: fc.constantFrom('print', 'other'),
  });

  test('an expired or refused token is never good, nor a fall-back', () => {
    fc.assert(
      fc.property(anyToken, need, fc.nat(200_000_000), (found, wish, later) => {
        const verdict = fitnessOf(found, wish, PRODUCTION, BEGUN + later);
        if (verdict !== 'good' && verdict !== 'short') return;
        expect(found.expiresAt).toBeGreaterThan(BEGUN + later);
        expect(wish.rejected).not.toBe(found.fingerprint);
      }),
    );
  });
});

test.each([
  [3_600, 301, false],
  [3_600, 299, true],
  // A fifth of the life where that is less than five minutes.
  [60, 12, false],
  [60, 11.9, true],
])('of a token of %d s with %d s left, renewal is due: %s', (life, left, due) => {
  expect(renewalDue(token(left, life - left), PRODUCTION.renewAhead, BEGUN)).toBe(due);
});

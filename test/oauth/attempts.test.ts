import { expect, test } from 'vitest';
import { VendorError } from '../../shared/contract/errors.ts';
import { withAttempts } from '../../shared/oauth/attempts.ts';
import { budgetOf } from './support.ts';

const unknown = new VendorError('vendor_unavailable', 'No answer.', { ambiguous: true });
const unsent = new VendorError('vendor_unavailable', 'No connection.');
const refused = new VendorError('vendor_rejected', 'Refused.', { vendorError: 'invalid_grant' });

function failing(...errors: VendorError[]): Promise<unknown> {
  const left = [...errors];
  const attempt = () => Promise.reject(left.shift());
  return withAttempts(budgetOf(), 'idempotent', attempt).catch((error: unknown) => error);
}

test.each([
  ['a try whose outcome nobody knows, and one that was not sent', [unknown, unsent], true],
  ['the same the other way round', [unsent, unknown], true],
  ['two that were not sent', [unsent, unsent], false],
  ['a refusal alone', [refused], false],
])('%s', async (_, errors, ambiguous) => {
  expect(await failing(...errors)).toMatchObject({ ambiguous });
});

test('a refusal after a try whose outcome nobody knows is still that refusal', async () => {
  const { code, message, vendorError } = refused;
  expect(await failing(unknown, refused)).toMatchObject({ code, message, vendorError, ambiguous: true });
});

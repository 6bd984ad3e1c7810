/**
 * A seal over all that an item says, beside those of its secrets: an item of which anything was changed, emptied or
 * moved from elsewhere by somebody without the keyring does not open.
 */
import { UnreadableValue } from '../contract/errors.ts';
import { isObject } from '../contract/json.ts';
import { Redacted } from '../contract/redacted.ts';
import { sha256Base64url } from '../contract/sha256.ts';
import type { Binding, Sealer } from './sealing.ts';

/** @param said the item's attributes but for its `rev` and this seal; `undefined` ones count as absent */
export async function sealItem(sealer: Sealer, binding: Binding, said: object): Promise<string> {
  return sealer.seal(new Redacted(digest(said)), binding);
}

/** @throws UnreadableValue when the item does not say what was sealed; StoreUnavailable */
export async function checkItemSeal(
  sealer: Sealer,
  seal: string,
  binding: Binding,
  said: object,
): Promise<void> {
  const sealed = await sealer.open(seal, binding);
  if (sealed.reveal() !== digest(said))
    throw new UnreadableValue(`The item ${binding.item} was altered by somebody else than the broker.`);
}

function digest(said: object): string {
  const sorted = (_: string, value: unknown) =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return sha256Base64url(JSON.stringify(said, sorted));
}

import { VendorError } from '../../contract/errors.ts';
import type { Token } from '../../oauth/token.ts';
import type { TokenReply } from '../../oauth/types.ts';

/** Judges an answer without throwing: nothing in it may keep its refresh token from being stored (invariant 3). */
export function tryReadToken(reply: TokenReply): { token?: Token; error?: VendorError } {
  try {
    return { token: reply.token() };
  } catch (error) {
    if (error instanceof VendorError) return { error };
    return { error: new VendorError('vendor_unavailable', "The vendor's answer could not be read.") };
  }
}

import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { TokenAnswer } from '../../shared/contract/messages.ts';
import { sha256Base64url } from '../../shared/contract/sha256.ts';
import type { TriedToken } from './messages.ts';

/** What a page may see of a token; the token itself only where it was asked for. */
export function triedToken({ access_token, ...rest }: TokenAnswer, shown: boolean): TriedToken {
  return {
    ...rest,
    fingerprint: sha256Base64url(access_token),
    ...decoded(access_token),
    ...(shown && { access_token }),
  };
}

/** Not verified: a token is the vendor's, and only the vendor's API judges it. Nothing for an opaque one. */
function decoded(token: string): Pick<TriedToken, 'header' | 'claims'> {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return {};
  }
}

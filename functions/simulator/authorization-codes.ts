import { randomBytes } from 'node:crypto';
import { sha256Base64url } from '../../shared/contract/sha256.ts';
import { BoundedMap } from './bounded-map.ts';
import type { RegisteredClient } from './clients.ts';
import { type Refusal, refusal, type VendorRequest } from './http.ts';
import type { Grant, Holder, Issued } from './tokens.ts';
import { requireParameter, type VendorState } from './vendor-definition.ts';

const CODE_LIFETIME_MS = 60_000;

interface Code extends Holder {
  readonly redirectUri: string;
  /** S256 (RFC 7636). */
  readonly codeChallenge: string | undefined;
  readonly expiresAt: number;
  /** The grant that it was exchanged for. */
  grant?: Grant;
}

/** Authorization codes: each for one client and redirect URI, once, for a minute. */
export class AuthorizationCodes {
  readonly #codes = new BoundedMap<string, Code>();
  readonly #vendor: VendorState;

  constructor(vendor: VendorState) {
    this.#vendor = vendor;
  }

  issue(what: Omit<Code, 'expiresAt' | 'grant'>): string {
    const code = randomBytes(24).toString('base64url');
    this.#codes.set(code, { ...what, expiresAt: this.#vendor.now() + CODE_LIFETIME_MS });
    return code;
  }

  /** Opens the grant that a code stands for. @throws Refusal `invalid_request` or `invalid_grant` */
  exchange(client: RegisteredClient, request: VendorRequest): Issued {
    const presented = requireParameter(request, 'code');
    const redirectUri = requireParameter(request, 'redirect_uri');
    const code = this.#codes.get(presented);
    if (!code || code.clientId !== client.clientId) throw invalidGrant('The code is unknown.');
    if (code.grant) {
      // RFC 6749 §4.1.2: somebody else may hold what the first exchange gave.
      if (this.#vendor.settings().reuse_detection) this.#vendor.tokens.burn(code.grant);
      throw invalidGrant('The code has been used already.');
    }
    if (code.expiresAt <= this.#vendor.now()) throw invalidGrant('The code has expired.');
    if (redirectUri !== code.redirectUri) {
      throw invalidGrant('redirect_uri is not the one of the authorization request.');
    }
    requireVerifier(code.codeChallenge, request.parameters.code_verifier);
    const { clientId, owner, scopes } = code;
    const opened = this.#vendor.tokens.open({ clientId, owner, scopes, redirectUri });
    code.grant = opened.grant;
    this.#vendor.counters.count('code_exchanges');
    return opened;
  }
}

function requireVerifier(codeChallenge: string | undefined, verifier: string | undefined): void {
  if (codeChallenge === undefined) return;
  const challenge = sha256Base64url(verifier ?? '');
  if (!verifier || challenge !== codeChallenge) throw invalidGrant('code_verifier is missing or wrong.');
}

function invalidGrant(description: string): Refusal {
  return refusal(400, 'invalid_grant', description);
}

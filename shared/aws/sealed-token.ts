/** Access tokens as they are stored: sealed whole, so that neither the token nor what is known of it can be altered. */
import * as v from 'valibot';
import { UnreadableValue } from '../contract/errors.ts';
import { Redacted } from '../contract/redacted.ts';
import { fingerprint, type Token } from '../oauth/token.ts';
import type { Binding, Sealer } from './sealing.ts';

const tokenMembers = v.object({
  access_token: v.string(),
  token_type: v.string(),
  scope: v.optional(v.string()),
  expires_at: v.number(),
  minted_at: v.number(),
});

// The parser's own error would quote the text.
const tokenText = v.pipe(v.string(), v.parseJson(), tokenMembers);

/** The sealer recognises what it has sealed by the `Redacted` it was given, so each token keeps one. */
const texts = new WeakMap<Token, Redacted>();

export async function sealToken(sealer: Sealer, token: Token, binding: Binding): Promise<string> {
  const text = texts.get(token) ?? textOf(token);
  texts.set(token, text);
  return sealer.seal(text, binding);
}

/** @throws UnreadableValue, StoreUnavailable */
export async function openToken(sealer: Sealer, sealed: string, binding: Binding): Promise<Token> {
  const text = await sealer.open(sealed, binding);
  const token = tokenOf(text);
  texts.set(token, text);
  return token;
}

export function textOf(token: Token): Redacted {
  const members: v.InferOutput<typeof tokenMembers> = {
    access_token: token.accessToken.reveal(),
    token_type: token.tokenType,
    ...(token.scope === undefined ? {} : { scope: token.scope }),
    expires_at: token.expiresAt,
    minted_at: token.mintedAt,
  };
  return new Redacted(JSON.stringify(members));
}

export function tokenOf(text: Redacted): Token {
  const result = v.safeParse(tokenText, text.reveal());
  if (!result.success) throw new UnreadableValue('A sealed token opens, but holds no token.');
  const { access_token, token_type, scope, expires_at, minted_at } = result.output;
  const accessToken = new Redacted(access_token);
  return {
    accessToken,
    tokenType: token_type,
    ...(scope === undefined ? {} : { scope }),
    expiresAt: expires_at,
    mintedAt: minted_at,
    fingerprint: fingerprint(accessToken),
  };
}

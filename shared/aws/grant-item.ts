/**
 * A grant as an item of the precious table. Its refresh token and access tokens are sealed, each for its own place, and
 * so is what the item says of them.
 */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Grant, GrantKey, GrantOutline, Stored } from '../broker/ports.ts';
import { present } from '../contract/present.ts';
import type { Token } from '../oauth/token.ts';
import {
  failureItem,
  forcedItem,
  fromFailureItem,
  leaseItem,
  time,
  toFailureItem,
  toLeaseItem,
} from './item-parts.ts';
import { checkItemSeal, sealItem } from './item-seal.ts';
import { openToken, sealToken } from './sealed-token.ts';
import { type Binding, kidOf, type Sealer } from './sealing.ts';

/** Attributes that say what a grant is without anything being opened. */
export const outlineItem = v.object({
  connection: v.string(),
  subject: v.string(),
  generation: v.string(),
  ended_generation: v.optional(v.string()),
  status: v.picklist(['active', 'consent_required', 'revoked', 'forgotten']),
  attempts: v.array(v.string()),
  binding: v.object({ issuer: v.optional(v.string()), token_endpoint: v.string(), client_id: v.string() }),
  scopes: v.array(v.string()),
  consented_at: time,
  consented_by: v.string(),
  last_refresh_at: v.optional(time),
  refresh_token_ends_at: v.optional(time),
  last_failure: v.optional(failureItem),
  failures: v.optional(v.array(v.object({ scope: v.string(), failure: failureItem }))),
  expires_at: v.optional(time),
});
export type OutlineItem = v.InferOutput<typeof outlineItem>;

export const grantItem = v.object({
  ...outlineItem.entries,
  rev: v.string(),
  seal: v.string(),
  /** Keys that it has something sealed under, so that none of them is dropped from the keyring. */
  kids: v.array(v.string()),
  refresh_token: v.optional(v.string()),
  tokens: v.array(v.object({ scope: v.string(), sealed: v.string(), expires_at: time })),
  lease: v.optional(leaseItem),
  last_attempt: v.optional(v.string()),
  due_at: time,
  redirect_uri: v.optional(v.string()),
  forced: v.optional(v.array(v.object({ scope: v.string(), ...forcedItem.entries }))),
});
type GrantItem = v.InferOutput<typeof grantItem>;

/**
 * Bytes of one sealed access token, and of all that a grant keeps: DynamoDB takes 400 KB an item, and the refresh token
 * must always fit. What is left out can be minted again.
 */
const MOST_TOKEN = 64_000;
const MOST_TOKENS = 256_000;

export async function toGrantItem(
  sealer: Sealer,
  grant: Grant,
  shards: number,
): Promise<{
  item: Omit<GrantItem, 'rev'> & { readonly shard: number };
  kept: Pick<Grant, 'tokens' | 'kids'>;
}> {
  const refreshToken =
    grant.refreshToken && (await sealer.seal(grant.refreshToken, refreshTokenBinding(grant)));
  const tokens = newestThatFit(
    await Promise.all(
      Object.entries(grant.tokens).map(async ([scope, token]) => ({
        scope,
        token,
        sealed: await sealToken(sealer, token, accessTokenBinding(grant, scope)),
      })),
    ),
  );
  const sealed = [...(refreshToken ? [refreshToken] : []), ...tokens.map((token) => token.sealed)];
  const { issuer, tokenEndpoint, clientId } = grant.binding;
  const said = {
    connection: grant.connection,
    subject: grant.subject,
    generation: grant.generation,
    status: grant.status,
    ended_generation: grant.endedGeneration,
    refresh_token: refreshToken,
    tokens: tokens.map(({ scope, sealed, token }) => ({ scope, sealed, expires_at: token.expiresAt })),
    lease: grant.lease && toLeaseItem(grant.lease),
    attempts: [...grant.attempts],
    last_attempt: grant.lastAttempt,
    binding: { issuer, token_endpoint: tokenEndpoint, client_id: clientId },
    redirect_uri: grant.redirectUri,
    scopes: [...grant.scopes],
    consented_at: grant.consentedAt,
    consented_by: grant.consentedBy,
    last_refresh_at: grant.lastRefreshAt,
    refresh_token_ends_at: grant.refreshTokenEndsAt,
    last_failure: grant.lastFailure && toFailureItem(grant.lastFailure),
    failures:
      grant.failures &&
      Object.entries(grant.failures).map(([scope, failure]) => ({ scope, failure: toFailureItem(failure) })),
    expires_at: grant.tokens[grant.scopes.join(' ')]?.expiresAt,
    forced: grant.forced && Object.entries(grant.forced).map(([scope, last]) => ({ scope, ...last })),
  };
  const seal = await sealItem(sealer, itemBinding(grant), said);
  const item = {
    ...said,
    seal,
    due_at: grant.dueAt,
    shard: shardOf(grant, shards),
    kids: [...new Set([...(keysOfRescues(grant) ?? []), ...[...sealed, seal].map(kidOf)])],
  };
  const kept = Object.fromEntries(tokens.map(({ scope, token }) => [scope, token]));
  return { item, kept: present({ tokens: kept, kids: keysOfRescues(item) }) };
}

/** While its attempts are unresolved, answers to them may wait in rescues, which no index lists. */
function keysOfRescues<Kids extends readonly string[] | undefined>(of: {
  readonly attempts: readonly string[];
  readonly kids?: Kids;
}): Kids | undefined {
  return of.attempts.length > 0 ? of.kids : undefined;
}

function newestThatFit<T extends { token: Token; sealed: string }>(tokens: readonly T[]): T[] {
  let bytes = 0;
  return tokens
    .toSorted((a, b) => b.token.mintedAt - a.token.mintedAt)
    .filter(({ sealed }) => {
      const fits = sealed.length <= MOST_TOKEN && bytes + sealed.length <= MOST_TOKENS;
      if (fits) bytes += sealed.length;
      return fits;
    });
}

/** Access tokens that have expired by `now` are left out, unopened; an expired lease is shown as it is. */
export async function fromGrantItem(sealer: Sealer, item: GrantItem, now: number): Promise<Stored<Grant>> {
  const { rev: _rev, seal, due_at: _dueAt, kids: _kids, ...said } = item;
  await checkItemSeal(sealer, seal, itemBinding(item), said);
  return present({
    rev: item.rev,
    connection: item.connection,
    subject: item.subject,
    generation: item.generation,
    status: item.status,
    endedGeneration: item.ended_generation,
    refreshToken: item.refresh_token
      ? await sealer.open(item.refresh_token, refreshTokenBinding(item))
      : undefined,
    tokens: await openTokens(sealer, item, now),
    lease: item.lease,
    attempts: item.attempts,
    kids: keysOfRescues(item),
    lastAttempt: item.last_attempt,
    dueAt: item.due_at,
    binding: fromBindingItem(item.binding),
    redirectUri: item.redirect_uri,
    scopes: item.scopes,
    consentedAt: item.consented_at,
    consentedBy: item.consented_by,
    lastRefreshAt: item.last_refresh_at,
    refreshTokenEndsAt: item.refresh_token_ends_at,
    ...failuresOf(item),
    forced:
      item.forced && Object.fromEntries(item.forced.map(({ scope, ...last }) => [scope, present(last)])),
  });
}

/** What a grant is, without anything of it being opened. */
export function fromOutlineItem(item: OutlineItem): GrantOutline {
  return present({
    connection: item.connection,
    subject: item.subject,
    generation: item.generation,
    endedGeneration: item.ended_generation,
    status: item.status,
    attempts: item.attempts,
    binding: fromBindingItem(item.binding),
    scopes: item.scopes,
    consentedAt: item.consented_at,
    consentedBy: item.consented_by,
    lastRefreshAt: item.last_refresh_at,
    refreshTokenEndsAt: item.refresh_token_ends_at,
    expiresAt: item.expires_at,
    ...failuresOf(item),
  });
}

function failuresOf({ last_failure: last, failures }: OutlineItem) {
  const byScope = failures?.map(({ scope, failure }) => [scope, fromFailureItem(failure)] as const);
  return present({
    lastFailure: last && fromFailureItem(last),
    failures: byScope && Object.fromEntries(byScope),
  });
}

function fromBindingItem(item: GrantItem['binding']): Grant['binding'] {
  const { issuer, token_endpoint: tokenEndpoint, client_id: clientId } = item;
  return present({ issuer, tokenEndpoint, clientId });
}

/** One text per grant: the key's parts, as JSON, so that no two keys run together. */
export function grantName({ connection, subject }: GrantKey): string {
  return JSON.stringify([connection, subject]);
}

/** The part of the due index that a grant is in; the same for its whole life while `shards` stays. */
function shardOf(key: GrantKey, shards: number): number {
  return createHash('sha256').update(grantName(key)).digest().readUInt32BE() % shards;
}

async function openTokens(sealer: Sealer, item: GrantItem, now: number): Promise<Record<string, Token>> {
  const live = item.tokens.filter((token) => token.expires_at > now);
  const opened = live.map(async ({ scope, sealed }) => [
    scope,
    await openToken(sealer, sealed, accessTokenBinding(item, scope)),
  ]);
  return Object.fromEntries(await Promise.all(opened));
}

/** Of all but its place in the due index, which is put off without the item being opened, and the keys' names. */
function itemBinding(grant: GrantKey & { generation: string }): Binding {
  return { item: grantName(grant), purpose: 'item', generation: grant.generation };
}

function refreshTokenBinding(grant: GrantKey & { generation: string }): Binding {
  return { item: grantName(grant), purpose: 'refresh_token', generation: grant.generation };
}

function accessTokenBinding(grant: GrantKey & { generation: string }, scope: string): Binding {
  return { item: grantName(grant), purpose: `access_token ${scope}`, generation: grant.generation };
}

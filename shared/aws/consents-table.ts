import * as v from 'valibot';
import type { ConsentsTable, PendingConsent, Stored } from '../broker/ports.ts';
import { present } from '../contract/present.ts';
import { sha256Base64url } from '../contract/sha256.ts';
import { REMEMBERED, time, timeToLive } from './item-parts.ts';
import { checkItemSeal, sealItem } from './item-seal.ts';
import type { Binding, Sealer } from './sealing.ts';
import { parseItem, Table } from './table.ts';
import type { TokensTableParts } from './tokens-table.ts';

const started = {
  rev: v.string(),
  seal: v.string(),
  ttl: v.number(),
  connection: v.string(),
  subject: v.string(),
  generation: v.optional(v.string()),
  ended_generation: v.optional(v.string()),
  replace: v.boolean(),
  started_by: v.string(),
  expires_at: time,
  endpoints: v.object({
    issuer: v.optional(v.string()),
    token_endpoint: v.string(),
    iss_in_response: v.optional(v.boolean()),
  }),
  scopes: v.array(v.string()),
  browser: v.optional(v.string()),
  return_to: v.optional(v.string()),
};
const unfinished = v.picklist(['pending', 'finishing']);

/** `code_verifier`, `device_code`, `user_code` and `verification_uri_complete`, which holds it, are sealed; so is the whole. */
const consentItem = v.variant('kind', [
  v.object({
    ...started,
    kind: v.literal('code'),
    status: unfinished,
    authorization_url: v.string(),
    redirect_uri: v.string(),
    wrong_codes: v.optional(v.number()),
    pushed: v.optional(v.literal(true)),
    code_verifier: v.optional(v.string()),
  }),
  v.object({
    ...started,
    kind: v.literal('device'),
    status: unfinished,
    device_code: v.string(),
    user_code: v.string(),
    verification_uri: v.string(),
    verification_uri_complete: v.optional(v.string()),
    interval: v.number(),
    next_poll_at: time,
  }),
  v.object({
    ...started,
    kind: v.literal('closed'),
    status: v.picklist(['granted', 'denied', 'expired', 'failed']),
    outcome: v.optional(v.string()),
  }),
]);
type ConsentItem = v.InferOutput<typeof consentItem>;

/**
 * Consents that were started, in items `consent#HASH` of the disposable table, so that the table tells no
 * address that could finish a consent. A consent past its time reads as `expired`, without its secrets; its outcome
 * stays to be shown for an hour.
 */
export function createConsentsTable({ dynamo, table: name, sealer, clock }: TokensTableParts): ConsentsTable {
  const table = new Table(dynamo, name);

  return {
    async read(id) {
      const pk = itemKey(id);
      const found = await table.get({ pk }, true);
      if (!found) return undefined;
      const item = parseItem(consentItem, found, `The item ${pk} of ${name}`);
      const { rev: _rev, seal, ttl: _ttl, ...said } = item;
      await checkItemSeal(sealer, seal, binding(pk, 'item'), said);
      const over = item.status === 'pending' && item.expires_at <= clock.now();
      if (over) return { ...startedOf(item), kind: 'closed', status: 'expired' };
      return fromConsentItem(sealer, pk, item);
    },

    async write(id, seen, next) {
      const pk = itemKey(id);
      const said = await toConsentItem(sealer, pk, next);
      const rev = await table.put(
        { pk },
        {
          ...said,
          seal: await sealItem(sealer, binding(pk, 'item'), said),
          ttl: timeToLive(clock.now(), [next.expiresAt + REMEMBERED]),
        },
        seen && { rev: seen.rev },
      );
      return rev === undefined ? undefined : { ...next, rev };
    },
  };
}

function itemKey(id: string): string {
  return `consent#${sha256Base64url(id)}`;
}

async function toConsentItem(sealer: Sealer, pk: string, consent: PendingConsent) {
  const { issuer, tokenEndpoint, issInResponse } = consent.endpoints;
  const common = {
    kind: consent.kind,
    connection: consent.connection,
    subject: consent.subject,
    generation: consent.generation,
    ended_generation: consent.endedGeneration,
    replace: consent.replace,
    started_by: consent.startedBy,
    expires_at: consent.expiresAt,
    endpoints: { issuer, token_endpoint: tokenEndpoint, iss_in_response: issInResponse },
    scopes: [...consent.scopes],
    browser: consent.browser,
    return_to: consent.returnTo,
    status: consent.status,
  };
  switch (consent.kind) {
    case 'code': {
      const verifier =
        consent.codeVerifier && (await sealer.seal(consent.codeVerifier, binding(pk, 'code_verifier')));
      return {
        ...common,
        authorization_url: consent.authorizationUrl,
        redirect_uri: consent.redirectUri,
        wrong_codes: consent.wrongCodes,
        pushed: consent.isPushed,
        code_verifier: verifier,
      };
    }
    case 'device': {
      const { deviceCode, userCode, verificationUriComplete: complete } = consent;
      return {
        ...common,
        device_code: await sealer.seal(deviceCode, binding(pk, 'device_code')),
        user_code: await sealer.seal(userCode, binding(pk, 'user_code')),
        verification_uri: consent.verificationUri,
        verification_uri_complete: complete && (await sealer.seal(complete, binding(pk, 'verification_uri'))),
        interval: consent.interval,
        next_poll_at: consent.nextPollAt,
      };
    }
    case 'closed':
      return { ...common, outcome: consent.outcome };
  }
}

async function fromConsentItem(
  sealer: Sealer,
  pk: string,
  item: ConsentItem,
): Promise<Stored<PendingConsent>> {
  const common = startedOf(item);
  switch (item.kind) {
    case 'code': {
      const { kind, status, authorization_url: authorizationUrl, redirect_uri: redirectUri } = item;
      const { code_verifier: verifier, wrong_codes: wrongCodes, pushed: isPushed } = item;
      const codeVerifier = verifier && (await sealer.open(verifier, binding(pk, 'code_verifier')));
      return {
        ...common,
        ...{ kind, status, authorizationUrl, redirectUri },
        ...present({ codeVerifier: codeVerifier || undefined, wrongCodes, isPushed }),
      };
    }
    case 'device': {
      const { kind, status, interval, next_poll_at: nextPollAt, verification_uri: verificationUri } = item;
      const complete = item.verification_uri_complete;
      return {
        ...common,
        ...{ kind, status, interval, nextPollAt, verificationUri },
        deviceCode: await sealer.open(item.device_code, binding(pk, 'device_code')),
        userCode: await sealer.open(item.user_code, binding(pk, 'user_code')),
        ...(complete && {
          verificationUriComplete: await sealer.open(complete, binding(pk, 'verification_uri')),
        }),
      };
    }
    case 'closed': {
      const { kind, status, outcome } = item;
      return { ...common, kind, status, ...present({ outcome }) };
    }
  }
}

function startedOf(item: ConsentItem) {
  const { issuer, token_endpoint: tokenEndpoint, iss_in_response: issInResponse } = item.endpoints;
  return present({
    rev: item.rev,
    connection: item.connection,
    subject: item.subject,
    generation: item.generation,
    endedGeneration: item.ended_generation,
    replace: item.replace,
    startedBy: item.started_by,
    expiresAt: item.expires_at,
    endpoints: present({ issuer, tokenEndpoint, issInResponse }),
    scopes: item.scopes,
    browser: item.browser,
    returnTo: item.return_to,
  });
}

function binding(pk: string, purpose: string): Binding {
  return { item: pk, purpose };
}

import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { ConsentsTable, PendingConsent, Stored } from '../broker/ports.ts';
import { present } from '../contract/present.ts';
import type { Redacted } from '../contract/redacted.ts';
import { REMEMBERED, time, timeToLive } from './item-parts.ts';
import type { Sealer } from './sealing.ts';
import { parseItem, Table } from './table.ts';
import type { TokensTableParts } from './tokens-table.ts';

const consentItem = v.object({
  rev: v.string(),
  connection: v.string(),
  subject: v.string(),
  generation: v.optional(v.string()),
  replace: v.boolean(),
  started_by: v.string(),
  expires_at: time,
  endpoints: v.object({
    issuer: v.optional(v.string()),
    token_endpoint: v.string(),
    iss_in_response: v.optional(v.boolean()),
  }),
  scopes: v.array(v.string()),
  redirect_uri: v.optional(v.string()),
  code_verifier: v.optional(v.string()),
  device_code: v.optional(v.string()),
  interval: v.optional(v.number()),
  next_poll_at: v.optional(time),
  status: v.picklist(['pending', 'finishing', 'granted', 'denied', 'expired', 'failed']),
  outcome: v.optional(v.string()),
});
type ConsentItem = v.InferOutput<typeof consentItem>;

/** Members that are kept sealed. */
type Secrets = Pick<PendingConsent, 'codeVerifier' | 'deviceCode'>;

/**
 * Consents that were started, in items `consent#HASH` of the disposable table: whoever reads the table learns
 * no `state` that he could finish a consent with. A consent past its time reads as `expired`, without its
 * secrets; its outcome stays to be shown for an hour.
 */
export function createConsentsTable({ dynamo, table: name, sealer, clock }: TokensTableParts): ConsentsTable {
  const table = new Table(dynamo, name);

  return {
    async read(id) {
      const pk = itemKey(id);
      const found = await table.get({ pk }, true);
      if (!found) return undefined;
      const item = parseItem(consentItem, found, `The item ${pk} of ${name}`);
      if (item.expires_at <= clock.now()) return expired(item);
      return { ...consentOf(item), ...(await openSecrets(sealer, pk, item)) };
    },

    async write(id, seen, next) {
      const pk = itemKey(id);
      const rev = await table.put(
        { pk },
        {
          ...toConsentItem(next),
          code_verifier: await sealed(sealer, pk, 'code_verifier', next.codeVerifier),
          device_code: await sealed(sealer, pk, 'device_code', next.deviceCode),
          ttl: timeToLive(clock.now(), [next.expiresAt + REMEMBERED]),
        },
        seen && { rev: seen.rev },
      );
      return rev === undefined ? undefined : { ...next, rev };
    },
  };
}

function itemKey(id: string): string {
  return `consent#${createHash('sha256').update(id).digest('base64url')}`;
}

function expired(item: ConsentItem): Stored<PendingConsent> {
  const consent = consentOf(item);
  return consent.status === 'pending' ? { ...consent, status: 'expired' } : consent;
}

async function openSecrets(sealer: Sealer, pk: string, item: ConsentItem): Promise<Secrets> {
  const { code_verifier: verifier, device_code: code } = item;
  return present({
    codeVerifier: verifier ? await sealer.open(verifier, { item: pk, purpose: 'code_verifier' }) : undefined,
    deviceCode: code ? await sealer.open(code, { item: pk, purpose: 'device_code' }) : undefined,
  });
}

async function sealed(
  sealer: Sealer,
  pk: string,
  purpose: string,
  value: Redacted | undefined,
): Promise<string | undefined> {
  return value && sealer.seal(value, { item: pk, purpose });
}

function toConsentItem(consent: PendingConsent): Omit<ConsentItem, 'rev' | 'code_verifier' | 'device_code'> {
  const { issuer, tokenEndpoint, issInResponse } = consent.endpoints;
  return {
    connection: consent.connection,
    subject: consent.subject,
    generation: consent.generation,
    replace: consent.replace,
    started_by: consent.startedBy,
    expires_at: consent.expiresAt,
    endpoints: { issuer, token_endpoint: tokenEndpoint, iss_in_response: issInResponse },
    scopes: [...consent.scopes],
    redirect_uri: consent.redirectUri,
    interval: consent.interval,
    next_poll_at: consent.nextPollAt,
    status: consent.status,
    outcome: consent.outcome,
  };
}

function consentOf(item: ConsentItem): Stored<PendingConsent> {
  const { issuer, token_endpoint: tokenEndpoint, iss_in_response: issInResponse } = item.endpoints;
  return present({
    rev: item.rev,
    connection: item.connection,
    subject: item.subject,
    generation: item.generation,
    replace: item.replace,
    startedBy: item.started_by,
    expiresAt: item.expires_at,
    endpoints: present({ issuer, tokenEndpoint, issInResponse }),
    scopes: item.scopes,
    redirectUri: item.redirect_uri,
    interval: item.interval,
    nextPollAt: item.next_poll_at,
    status: item.status,
    outcome: item.outcome,
  });
}

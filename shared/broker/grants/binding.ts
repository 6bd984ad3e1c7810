import type { Connection } from '../../connections/connection.ts';
import { BrokerError, UnreadableValue } from '../../contract/errors.ts';
import { DEFAULT_SUBJECT } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import type { Endpoints } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import type {
  Grant,
  GrantBinding,
  GrantKey,
  GrantOutline,
  GrantsTable,
  RefreshableGrant,
  Stored,
} from '../ports.ts';
import type { Found } from '../request.ts';

/** The server and the client that a grant belongs to: it is sent to no other server, under no other client (invariant 12). */
export function bindingOf(endpoints: Endpoints, clientId: string): GrantBinding {
  const { issuer, tokenEndpoint } = endpoints;
  return present({ issuer, tokenEndpoint, clientId });
}

/** @throws BrokerError `consent_required` when the connection now names another server or client */
export function checkBinding(grant: Grant, endpoints: Endpoints, clientId: string): void {
  const { issuer, tokenEndpoint } = grant.binding;
  if (
    issuer !== endpoints.issuer ||
    tokenEndpoint !== endpoints.tokenEndpoint ||
    grant.binding.clientId !== clientId
  ) {
    throw consentRequired(
      grant,
      'the connection now points to another server or client than the one consented to',
    );
  }
}

/** Why not even the grant's live tokens are for this request, judged without asking anybody. */
export function mismatch(
  grant: Pick<GrantOutline, keyof GrantKey | 'status' | 'binding' | 'scopes'>,
  connection: Connection,
  vendor: Vendor,
  scopes: readonly string[],
): BrokerError | undefined {
  const server = vendor.server(connection);
  const elsewhere =
    'tokenEndpoint' in server
      ? server.tokenEndpoint !== grant.binding.tokenEndpoint
      : server.issuer !== grant.binding.issuer;
  if (elsewhere)
    return consentRequired(grant, 'the connection now points to another server than the one consented to');
  const beyond = grant.scopes.length > 0 && scopes.some((scope) => !grant.scopes.includes(scope));
  return beyond
    ? consentRequired(grant, `the consent does not cover scope "${scopes.join(' ')}"`)
    : undefined;
}

/** Whether a grant serves its connection as it is now; only a consent that says `replace` takes its place. */
export function isLive(grant: GrantOutline | undefined, { connection, vendor }: Found): boolean {
  return grant?.status === 'active' && !mismatch(grant, connection, vendor, []);
}

/** A grant that may be replaced, by its outline where `replace` is said and it does not open. @throws UnreadableValue */
export async function readToReplace(
  grants: GrantsTable,
  key: GrantKey,
  replace: boolean,
): Promise<Stored<GrantOutline> | undefined> {
  try {
    return await grants.read(key);
  } catch (error) {
    if (replace && error instanceof UnreadableValue) return grants.outline(key);
    throw error;
  }
}

/** Whether there is something to refresh; if not, the grant's live tokens may still be used. */
export function isRefreshable(grant: Stored<Grant>): grant is RefreshableGrant {
  return grant.status === 'active' && grant.refreshToken !== undefined;
}

/** Why a grant cannot be refreshed. */
export function notRefreshable(grant: Grant): BrokerError {
  const ended = grant.status === 'consent_required';
  return consentRequired(grant, ended ? 'the vendor ended the grant' : 'the vendor gave no refresh token');
}

/** The error whose text names the command that gives the consent. */
export function consentRequired(key: GrantKey & Partial<Pick<Grant, 'status'>>, why: string): BrokerError {
  const subject = key.subject === DEFAULT_SUBJECT ? '' : ` --subject ${quoted(key.subject)}`;
  // A live grant is replaced only by those who say so.
  const replace = key.status === 'active' ? ' --replace' : '';
  return new BrokerError(
    'consent_required',
    `Consent is required: ${why}. Run: token-broker connect ${key.connection}${subject}${replace}`,
  );
}

/** For a shell: somebody will paste it, and a subject is any caller's choice. */
function quoted(text: string): string {
  return /^[\w@.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

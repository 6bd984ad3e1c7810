/** What the fake broker answers until it is told otherwise. */
import type {
  ConnectionAnswer,
  ConsentAnswer,
  ConsentStatusAnswer,
  GrantListAnswer,
  RevokeAnswer,
  TokenAnswer,
  TokenRequestBody,
} from '../../contract/messages.ts';
import type { CallerOperation } from '../../contract/routes.ts';
import { sha256Base64url } from '../../contract/sha256.ts';

/**
 * The answers about one connection, by operation.
 * @example
 * ```ts
 * import type { FakeAnswers } from 'token-broker/testing';
 * const short: Partial<FakeAnswers['token']> = { expires_in: 5 };
 * ```
 */
export interface FakeAnswers extends Record<Exclude<CallerOperation, 'list'>, object> {
  token: TokenAnswer;
  describe: ConnectionAnswer;
  userinfo: Record<string, unknown>;
  grants: GrantListAnswer;
  startConsent: ConsentAnswer;
  proceedConsent: ConsentStatusAnswer;
  revoke: RevokeAnswer;
}

interface Asked {
  readonly connection: string;
  readonly body: Readonly<Record<string, unknown>>;
}
type Defaults = { readonly [Operation in keyof FakeAnswers]: (asked: Asked) => FakeAnswers[Operation] };

const LIFE = 3_600;

/** @param connections what is not by default, by name */
export function defaultAnswers(
  connections: Readonly<Record<string, Partial<ConnectionAnswer>>>,
  endpoint: string,
): Defaults {
  const minted = new Map<string, number>();
  return {
    token: ({ connection, body }) => token(connection, body),
    describe: ({ connection }) => ({
      connection,
      vendor: 'custom',
      grant_type: 'client_credentials',
      scopes: [],
      api_hosts: [],
      rejection_statuses: [401],
      ...connections[connection],
    }),
    userinfo: () => ({}),
    grants: () => ({ grants: [] }),
    startConsent: () => ({
      consent: 'fake-consent',
      consent_url: `${endpoint}/consent/${'f'.repeat(43)}`,
      expires_in: 600,
    }),
    proceedConsent: () => ({ status: 'granted' }),
    revoke: () => ({ status: 'revoked' }),
  };

  /** One for each subject and scope, until it is reported as refused. */
  function token(connection: string, { subject, scope, rejected }: TokenRequestBody): TokenAnswer {
    const key = ['fake', connection, subject, scope?.replaceAll(' ', '+')]
      .filter((part) => part !== undefined)
      .join('-');
    const before = minted.get(key) ?? 0;
    const isNew = before === 0 || rejected === sha256Base64url(`${key}-${before}`);
    const count = isNew ? before + 1 : before;
    minted.set(key, count);
    const now = Date.now();
    return {
      access_token: `${encodeURI(key)}-${count}`,
      token_type: 'Bearer',
      expires_in: LIFE,
      ...(scope !== undefined && { scope }),
      expires_at: new Date(now + LIFE * 1000).toISOString(),
      minted_at: new Date(now).toISOString(),
      source: isNew ? 'vendor' : 'memory',
    };
  }
}

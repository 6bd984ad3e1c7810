/** The few routes of the broker that the page may have asked, with the operator's signature. */
import type { BrokerApi } from '../../shared/client/broker-api.ts';
import type { TokenAnswer } from '../../shared/contract/messages.ts';
import { type CallerOperation, callerOperation, matchRoute } from '../../shared/contract/routes.ts';
import type { Received } from '../local/http.ts';
import { objectIn } from './json-body.ts';
import { triedToken } from './tried-token.ts';

const ALLOWED: ReadonlySet<CallerOperation> = new Set([
  'list',
  'describe',
  'grants',
  'startConsent',
  'proceedConsent',
  'revoke',
  'token',
]);

/** With this query the token itself is answered too. The broker knows no such member: it stays here. */
const SHOW_TOKEN = 'show=token';

/** `undefined` for a route that is not allowed, or a body that is no JSON object. */
export interface BrokerCall {
  send(api: BrokerApi): Promise<unknown>;
}

/** @param rawPath the broker's path, as it travels */
export function brokerCall(
  { method, rawQuery, body }: Pick<Received, 'method' | 'rawQuery' | 'body'>,
  rawPath: string,
): BrokerCall | undefined {
  const key = matchRoute(method, rawPath)?.key;
  const operation = key && callerOperation(key, rawPath);
  if (!operation || !ALLOWED.has(operation)) return undefined;
  const sent = method === 'POST' ? objectIn(body) : undefined;
  if (method === 'POST' && !sent) return undefined;
  const ask = async (api: BrokerApi, query: string) =>
    (await api(method as Parameters<BrokerApi>[0], query === '' ? rawPath : `${rawPath}?${query}`, sent))
      .answer;
  if (operation !== 'token') return { send: (api) => ask(api, rawQuery) };
  const shown = rawQuery === SHOW_TOKEN;
  return { send: async (api) => triedToken((await ask(api, '')) as TokenAnswer, shown) };
}

/** What becomes of refresh tokens: spent once, never dropped, their family never ended by us. */
import type { GrantChange, VendorExchange } from '../history.ts';
import type { IssuedRefreshToken } from '../vendor.ts';
import type { World } from '../world.ts';
import type { Finding, Invariant } from './invariant.ts';

export const REFRESH_TOKENS: readonly Invariant[] = [
  {
    name: 'a refresh token is spent only by attempts on record, each once',
    check: (world) => {
      const { history, settings } = world;
      // Where a spent one still works, one attempt may send it twice, and with two versions of the client's secret.
      const each = settings.kind.startsWith('grace') ? 4 : 1;
      const spent = new Map<string, VendorExchange[]>();
      for (const exchange of history.of('exchange')) {
        const { purpose, presented, actedAt, status, error } = exchange;
        const acted = actedAt !== undefined && status !== 429 && error !== 'invalid_client';
        // 503 may say that something was done.
        if (!purpose.endsWith('refresh_token') || !presented || !acted) continue;
        spent.set(presented, [...(spent.get(presented) ?? []), exchange]);
      }
      return [...spent].flatMap(([value, exchanges]): Finding[] => {
        const begun = history.of('grant').filter((change) => isBeginning(change, value)).length;
        if (exchanges.length <= begun * each) return [];
        const at = exchanges.at(-1)!.actedAt!;
        return [{ at, text: `${value} was spent ${exchanges.length} times by ${begun} attempts` }];
      });
    },
  },
  {
    name: 'a refresh token that has arrived is kept',
    check: (world) =>
      [...world.vendor.refreshTokens.values()].flatMap((token): Finding[] => {
        const lost = fateOf(world, token);
        return lost === 'neglected'
          ? [{ at: token.exchanges[0]!.deliveredAt!, text: `${token.value} arrived and was put nowhere` }]
          : [];
      }),
  },
  {
    name: 'no family is ended by us but after an answer that could not be kept',
    check: (world) =>
      world.history.of('family').flatMap((end): Finding[] => {
        if (end.reason === 'code reuse')
          return [{ at: end.at, text: `a code of ${end.subject} was sent twice` }];
        if (end.reason !== 'reuse') return [];
        const reused = world.vendor.refreshTokens.get(end.exchange!.presented!)!;
        const begunAt = beginningOf(world, end.exchange!);
        // What a newer consent had replaced meanwhile, nobody uses.
        if (begunAt !== undefined && replaced(world, keyOf(end.exchange!, reused), begunAt, end.at))
          return [];
        const kept = childrenOf(world, reused).filter((child) => {
          const since = keptSince(world, child);
          return since !== undefined && begunAt !== undefined && since < begunAt;
        });
        if (kept.length === 0) return [];
        const text = `${end.exchange!.process} spent ${reused.value} again though ${kept[0]!.value} had been kept`;
        return [{ at: end.at, text }];
      }),
  },
  {
    name: 'what is in use is not revoked, not even by ending another',
    check: ({ history, vendor }) =>
      history.of('family').flatMap(({ at, reason, family, exchange }): Finding[] => {
        if (reason !== 'revoked by us') return [];
        const last = new Map(
          history.of('grant').flatMap((change) => (change.at <= at ? [[change.key, change.after]] : [])),
        );
        const used = [...last].find(([, grant]) => {
          const value = grant?.refreshToken?.reveal() ?? '';
          return grant?.status === 'active' && vendor.refreshTokens.get(value)?.family.id === family;
        });
        if (!used) return [];
        // A revocation that a consent overtook cannot be called back.
        const revoking = history
          .of('operation')
          .some(
            ({ name, connection, subject, ...each }) =>
              (name === 'sweep' || (name === 'revoke' && `${connection}/${subject}` === used[0])) &&
              each.process === exchange!.process &&
              each.at <= exchange!.at &&
              (each.endedAt ?? at) >= exchange!.at,
          );
        const text = `${exchange!.process} ended ${used[0]} by revoking ${exchange!.presented}`;
        return revoking ? [] : [{ at, text }];
      }),
  },
];

export type Fate = 'kept' | 'not arrived' | 'process stopped' | 'stores failed' | 'superseded' | 'neglected';

/** What became of a refresh token once the vendor had issued it. */
export function fateOf(world: World, token: IssuedRefreshToken): Fate {
  if (keptSince(world, token) !== undefined) return 'kept';
  const arrived = token.exchanges.filter(({ deliveredAt }) => deliveredAt !== undefined);
  if (arrived.length === 0) return 'not arrived';
  const given = world.history
    .of('exchange')
    .some(({ purpose, presented }) => presented === token.value && purpose.endsWith(' revoke'));
  // Nobody wants it, and the vendor was asked to end it.
  if (given) return 'superseded';
  const fates = arrived.map((exchange): Fate => {
    if (stopped(world, exchange)) return 'process stopped';
    const key = keyOf(exchange, token);
    const since = beginningOf(world, exchange) ?? exchange.at;
    if (replaced(world, key, since)) return 'superseded';
    const failed = failedWrites(world, exchange, key);
    if (failed) return 'stores failed';
    if (token.outdated || token.family.ended) return 'superseded';
    return 'neglected';
  });
  return fates.find((fate) => fate !== 'neglected') ?? 'neglected';
}

/** Whether a consent or a revocation came in between. */
function replaced({ history }: World, key: string, from: number, to = Number.POSITIVE_INFINITY): boolean {
  return history
    .of('grant')
    .some(
      ({ at, before, after, key: changed }) =>
        changed === key && at >= from && at <= to && before?.generation !== after?.generation,
    );
}

/** Since when it can be seen in the grant or in a rescue; `undefined` when never. */
export function keptSince(world: World, { value }: IssuedRefreshToken): number | undefined {
  const written = world.history.of('grant').find(({ after }) => after?.refreshToken?.reveal() === value);
  const rescued = world.history.of('rescue').find(({ rescue }) => rescue?.refreshToken?.reveal() === value);
  const times = [written?.at, rescued?.visibleAt].filter((at) => at !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function childrenOf({ vendor }: World, parent: IssuedRefreshToken): IssuedRefreshToken[] {
  return [...vendor.refreshTokens.values()].filter((token) => token.parent === parent.value);
}

function isBeginning({ before, after }: GrantChange, refreshToken: string): boolean {
  const taken = after?.lease !== undefined && after.lease.id !== before?.lease?.id;
  return taken && after.refreshToken?.reveal() === refreshToken;
}

/** When the sender of a refresh had begun its attempt. */
function beginningOf({ history }: World, exchange: VendorExchange): number | undefined {
  return history
    .of('grant')
    .findLast(
      (change) =>
        change.process === exchange.process &&
        change.at <= exchange.sentAt! &&
        isBeginning(change, exchange.presented!),
    )?.at;
}

function keyOf(exchange: VendorExchange, { family }: IssuedRefreshToken): string {
  const [connection] = exchange.purpose.split(' ');
  return connection === 'kiosk' ? 'kiosk/default' : `${connection}/${family.subject}`;
}

/** Whether the process that got it died, or was frozen past its lease, before it could put it anywhere. */
function stopped({ history }: World, exchange: VendorExchange): boolean {
  const window = exchange.deliveredAt! + 30_000;
  return history
    .of('process')
    .some(
      ({ process, what, at }) =>
        process === exchange.process && what !== 'started' && at >= exchange.sentAt! && at <= window,
    );
}

/** Whether the stores refused it: the grants, and the rescues as well, each time that they were tried. */
function failedWrites({ history }: World, exchange: VendorExchange, key: string): boolean {
  const window = exchange.deliveredAt! + 30_000;
  // A consent has no rescue: the person is told that it failed, and begins again.
  const told = history
    .of('event')
    .some(
      ({ process, at, event }) =>
        process === exchange.process &&
        at >= exchange.deliveredAt! &&
        at <= window &&
        event.type === 'grant' &&
        event.change === 'consent_failed',
    );
  if (told) return true;
  const tries = history
    .of('store')
    .filter(
      ({ process, operation, at, key: written }) =>
        process === exchange.process &&
        at >= exchange.deliveredAt! &&
        at <= window &&
        (operation === 'grants write' || operation === 'secrets save rescue') &&
        written.startsWith(key),
    );
  const rescued = tries.some(({ operation }) => operation === 'secrets save rescue');
  const written = tries.some(({ operation }) => operation === 'grants write');
  return written && rescued && tries.every(({ answer, fits }) => answer !== 'ok' || fits === false);
}

/**
 * One process of the broker for tests that need real ones: it composes itself from its argument, says that it
 * is ready, and runs requests at the moment that it is told. Started by `broker-processes.ts`.
 */

import { compose, type Stores } from '../../functions/compose.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import type { TokensTable } from '../../shared/broker/ports.ts';
import { PRODUCTION } from '../../shared/broker/times.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import { systemClock } from '../../shared/oauth/clock.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import type { ChildOrder, ChildOutcome, ChildReport, ChildSetup } from './broker-processes.ts';
import { openStores } from './stores.ts';

const setup: ChildSetup = JSON.parse(process.argv[2]!);
const connections = parseConnections(setup.file, { vendors: VENDORS, allowLoopbackHttp: true });
const [name] = connections.keys();

const proceed = Promise.withResolvers<void>();
const stores = openStores(setup.origins, setup.names, systemClock);
const broker = compose({
  connections,
  stores: changed(stores),
  observe: () => undefined,
  publicUrl: 'https://broker.example',
  allowLoopbackHttp: true,
  timing: { ...PRODUCTION, ...setup.timing },
});

process.on('message', async (order: ChildOrder) => {
  if (order.type === 'proceed') return proceed.resolve();
  await systemClock.sleep(Math.max(0, order.at - Date.now()));
  const outcomes = await Promise.all(Array.from({ length: order.requests }, () => ask(order.remaining)));
  tell({ type: 'answered', outcomes });
});
tell({ type: 'ready' });

async function ask(remaining: number): Promise<ChildOutcome> {
  const begunAt = Date.now();
  const ended = (outcome: object) => ({ begunAt, endedAt: Date.now(), ...outcome });
  try {
    const { access_token, source } = await broker.token({
      caller: httpsCaller('arn:aws:iam::111122223333:user/ci'),
      connection: name!,
      span: { begunAt, endsAt: begunAt + remaining },
    });
    return ended({ token: access_token, source });
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return ended({ error: error.code });
  }
}

function changed(real: Stores): Stores {
  const tokens = setup.withoutLeases ? withoutLeases(real.tokens) : real.tokens;
  if (!setup.stopBeforeSending) return { ...real, tokens };
  const secrets = {
    ...real.secrets,
    // The secret is read between taking the lease and sending.
    async read(...parameters: Parameters<Stores['secrets']['read']>) {
      tell({ type: 'leased' });
      await proceed.promise;
      return real.secrets.read(...parameters);
    },
  };
  return { ...real, tokens, secrets };
}

/** What the table would be if there were no leases: everybody takes one, nobody sees one. */
function withoutLeases(real: TokensTable): TokensTable {
  return {
    async read(key, options) {
      const entry = await real.read(key, options);
      return entry && { ...entry, lease: undefined };
    },
    async write(key, seen, next) {
      if (next.lease) return { ...next, rev: seen?.rev ?? '' };
      return (
        (await real.write(key, await real.read(key, { consistent: true }), next)) ?? { ...next, rev: '' }
      );
    },
  };
}

function tell(report: ChildReport): void {
  process.send!(report);
}

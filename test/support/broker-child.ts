/**
 * One process of the broker for tests that need real ones: it composes itself from its argument, says that it
 * is ready, and runs requests at the moment that it is told. Started by `broker-processes.ts`.
 */

import { compose, type Stores } from '../../functions/compose.ts';
import type { TokensTable } from '../../shared/broker/ports.ts';
import { PRODUCTION } from '../../shared/broker/times.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { systemClock } from '../../shared/oauth/clock.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { takeOrders, tell } from './broker-orders.ts';
import type { ChildSetup } from './broker-processes.ts';
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

takeOrders(broker, name!, proceed.resolve);

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

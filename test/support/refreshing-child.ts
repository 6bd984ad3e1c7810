/**
 * One process of the broker that renews one grant, and dies or stops at the step that it is told. Started by
 * `refreshing-processes.ts`, bundled, so that hundreds of them can be.
 */

import { compose, type Stores } from '../../functions/compose.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import { PRODUCTION } from '../../shared/broker/times.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import { systemClock } from '../../shared/oauth/clock.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { jsonBody } from './ask.ts';
import type { RefreshingReport, RefreshingSetup, Step } from './refreshing-processes.ts';
import { openStores } from './stores.ts';

const setup: RefreshingSetup = JSON.parse(process.argv[2]!);
const proceed = Promise.withResolvers<void>();
const go = Promise.withResolvers<void>();
process.on('message', (message) => (message === 'go' ? go : proceed).resolve());

const broker = compose({
  connections: parseConnections(setup.file, { vendors: VENDORS, allowLoopbackHttp: true }),
  stores: watched(openStores(setup.origins, setup.names, systemClock, { shards: 1 })),
  observe: () => undefined,
  publicUrl: 'https://broker.example',
  allowLoopbackHttp: true,
  timing: { ...PRODUCTION, ...setup.timing },
});

tell({ type: 'ready' });
await go.promise;
await reached('before begin');
const begunAt = Date.now();
try {
  const [connection] = Object.keys((setup.file as { connections: object }).connections);
  const { access_token: token } = await broker.token({
    caller: httpsCaller('arn:aws:iam::111122223333:user/ci'),
    connection: connection!,
    span: { begunAt, endsAt: begunAt + 29_000 },
    body: jsonBody({ subject: setup.subject }),
  });
  await reached('before the answer is given');
  tell({ type: 'answered', token });
} catch (error) {
  if (!(error instanceof BrokerError)) throw error;
  tell({ type: 'answered', error: error.code });
}
process.disconnect();

/** The first write begins a refresh, the second one commits it. */
function watched(stores: Stores): Stores {
  let writes = 0;
  const write: Stores['grants']['write'] = async (seen, next) => {
    writes += 1;
    if (writes === 2) await reached('after the vendor answered');
    const stored = await stores.grants.write(seen, next);
    if (writes === 1) {
      await reached('after begin');
      if (setup.dieAt === 'while the vendor works') setTimeout(die, setup.vendorLatency / 2);
    } else if (writes === 2) await reached('after commit');
    return stored;
  };
  return { ...stores, grants: { ...stores.grants, write } };
}

async function reached(step: Step): Promise<void> {
  if (setup.dieAt === step) die();
  if (setup.stopAt !== step) return;
  tell({ type: 'stopped' });
  await proceed.promise;
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

function tell(report: RefreshingReport): void {
  process.send!(report);
}

import { expect, test } from 'vitest';
import { systemClock } from '../../shared/oauth/clock.ts';
import { brokerWorld } from '../support/broker.ts';
import { startDyingConnections } from '../support/dying-connections.ts';
import { setupOf, withChildren } from '../support/one-mint.ts';

const world = brokerWorld();

/** A real process, really stopped, longer than its connections may rest. */
test.each(['reset', 'silent'] as const)(
  'a process that is stopped while its connections die (%s) answers at once when it goes on',
  async (death) => {
    const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
    const network = await startDyingConnections(world.origins.dynamodb);
    const origins = { dynamodb: network.origin, secretsManager: network.origin };
    // A token that is due at once, so that each request reads and writes the table.
    world.vendors.bugsplat.set({ expires_in: 11 });
    try {
      await withChildren([{ ...setupOf(world, connection), origins }], async ([process]) => {
        const before = await process!.ask(8);
        expect(before.map(({ error }) => error)).toEqual(Array(8).fill(undefined));
        process!.child.kill('SIGSTOP');
        network.kill(death);
        await systemClock.sleep(11_500);
        process!.child.kill('SIGCONT');
        const [after] = await process!.ask(1);
        expect(after).toMatchObject({ source: 'vendor' });
        expect(network.counts.writtenDead).toBe(0);
      });
    } finally {
      network.close();
    }
  },
  60_000,
);

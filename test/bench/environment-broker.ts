/** A broker whose stores are where the environment says, as those of the functions are; it is bundled as they are. */
import { awsStores, type Broker, compose } from '../../functions/compose.ts';
import { PRODUCTION, type Timing } from '../../shared/broker/times.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import type { StoreNames } from '../support/stores.ts';

type Names = Readonly<Record<'tokensTable' | 'grantsTable' | 'keyringSecret' | 'rescuePrefix', string>>;

export function environmentBroker(
  connections: ReadonlyMap<string, Connection>,
  names: Names,
  timing: Partial<Timing> = {},
): Broker {
  return compose({
    connections,
    stores: awsStores({ ...names, shards: 1 }),
    observe: () => undefined,
    publicUrl: 'https://broker.example',
    allowLoopbackHttp: true,
    timing: { ...PRODUCTION, ...timing },
  });
}

export function namesOf({ tokens, grants, keyring, rescuePrefix }: StoreNames): Names {
  return { tokensTable: tokens, grantsTable: grants, keyringSecret: keyring, rescuePrefix };
}

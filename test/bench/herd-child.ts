/** A process of the broker among the herd; it is bundled as the functions are, with the clients that they have. */
import { awsStores, compose } from '../../functions/compose.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { takeOrders } from '../support/broker-orders.ts';
import type { ChildSetup } from '../support/broker-processes.ts';

const { file, names }: ChildSetup = JSON.parse(process.argv[2]!);
const { tokens: tokensTable, grants: grantsTable, keyring: keyringSecret, rescuePrefix } = names;
const connections = parseConnections(file, { vendors: VENDORS, allowLoopbackHttp: true });
const broker = compose({
  connections,
  stores: awsStores({ tokensTable, grantsTable, keyringSecret, rescuePrefix, shards: 1 }),
  observe: () => undefined,
  publicUrl: 'https://broker.example',
  allowLoopbackHttp: true,
});
takeOrders(broker, [...connections.keys()][0]!);

/** A process of the broker among the herd; it is bundled as the functions are, with the clients that they have. */
import { parseConnections } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { takeOrders } from '../support/broker-orders.ts';
import type { ChildSetup } from '../support/broker-processes.ts';
import { environmentBroker, namesOf } from './environment-broker.ts';

const { file, names }: ChildSetup = JSON.parse(process.argv[2]!);
const connections = parseConnections(file, { vendors: VENDORS, allowLoopbackHttp: true });
takeOrders(environmentBroker(connections, namesOf(names)), [...connections.keys()][0]!);

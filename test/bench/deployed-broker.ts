import type { Timing } from '../../shared/broker/times.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { asDeployed } from '../support/as-deployed.ts';
import { type BrokerProcess, type BrokerWorld, tokensOf } from '../support/broker-world.ts';
import type * as environment from './environment-broker.ts';

interface Options {
  /** What it is asked for first. */
  readonly body?: object;
  readonly timing?: Partial<Timing>;
}

/**
 * One process of the broker as it is deployed, though in this one: bundled, with the clients that the functions have. They
 * take all from the environment, as in Lambda, at their first request, which is made here.
 */
export async function deployedBroker(
  { names, dynamodb, secretsManager }: BrokerWorld,
  connection: Connection,
  { body: first = {}, timing = {} }: Options = {},
): Promise<BrokerProcess['token']> {
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.origin,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.origin,
  });
  try {
    const entry = 'test/bench/environment-broker.ts';
    const { environmentBroker, namesOf } = await asDeployed<typeof environment>(entry);
    const broker = environmentBroker(new Map([[connection.name, connection]]), namesOf(names), timing);
    const token = tokensOf(broker, connection, Date.now);
    await token(first);
    return token;
  } finally {
    process.env = before;
  }
}

import type { webcrypto } from 'node:crypto';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import * as oauth from 'oauth4webapi';
import { tokensClient } from '../../shared/aws/clients.ts';
import { startBrokerWorld } from '../support/broker-world.ts';
import { localAccess } from '../support/stores.ts';
import { interleaved, type Measurement, median, spread, type Topic } from './topic.ts';

const RUNS = 150;
/** As much as is allowed: what is measured is not what the budget keeps apart. */
const BUDGET = { per_minute: 1_000_000, per_principal: 1_000_000 };
/** The lease, the token, and what it counts for in the budget. */
const WRITES = 3;

/** A token that nobody has asked for yet, against a program that asks the vendor itself, without keeping anything. */
export const mint: Topic = {
  title: 'A mint, with the embedded stores and a simulated vendor in this process',
  async measure() {
    const { world, close } = await startBrokerWorld();
    try {
      const endpoint = `${world.vendors.origins.bugfender}/auth/token`;
      const secrets = await world.vendors.bugfender.clientSecrets();
      const dynamo = tokensClient({ ...localAccess, endpoint: world.dynamodb.origin });
      const put = (index: number) => {
        const Item = { pk: { S: `bench#${index}` }, sealed: { S: 'x'.repeat(700) } };
        return dynamo.client.send(new PutItemCommand({ TableName: world.names.tokens, Item }));
      };
      const rows: Measurement[] = [];
      for (const [method, name] of METHODS) {
        const secret = secrets[name]!;
        const process = world.process(
          await world.connect(
            // Every request has another parameter: a key that nobody has asked for.
            {
              vendor: 'custom',
              token_endpoint: endpoint,
              client_auth: method,
              params: ['run'],
              vendor_budget: BUDGET,
            },
            name,
          ),
        );
        const itself = await asking(endpoint, secret);
        await process.token({ params: { run: 'first' } });
        const taken = await interleaved(RUNS, {
          itself,
          put,
          broker: (index) => process.token({ params: { run: String(index) } }),
        });
        const allowed = `${method}: 1.3 × that, and ${WRITES} writes`;
        rows.push(
          { what: `${method}: oauth4webapi itself`, unit: 'ms', ...spread(taken.itself) },
          { what: `${method}: a write to the table`, unit: 'ms', ...spread(taken.put) },
          { what: allowed, unit: 'ms', value: 1.3 * median(taken.itself) + WRITES * median(taken.put) },
          {
            what: `${method}: the broker`,
            unit: 'ms',
            ...spread(taken.broker),
            comparedWith: allowed,
            goal: { atMost: 1 },
          },
        );
      }
      return rows;
    } finally {
      await close();
    }
  },
};

const METHODS = [
  ['client_secret_post', 'bugfender-service'],
  ['private_key_jwt', 'bugfender-key'],
] as const;

interface Secret {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly private_key?: string;
}

async function asking(endpoint: string, { client_id, client_secret, private_key }: Secret) {
  const server: oauth.AuthorizationServer = { issuer: new URL(endpoint).origin, token_endpoint: endpoint };
  const authentication = private_key
    ? oauth.PrivateKeyJwt(await keyOf(private_key), {
        [oauth.modifyAssertion]: (_header, payload) => {
          payload.aud = endpoint;
          // The vendor takes a time that has come for one that has not.
          delete payload.nbf;
        },
      })
    : oauth.ClientSecretPost(client_secret!);
  return async () => {
    const parameters = new URLSearchParams({ scope: 'all' });
    const options = { [oauth.allowInsecureRequests]: true };
    const client = { client_id };
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      authentication,
      parameters,
      options,
    );
    await oauth.processClientCredentialsResponse(server, client, response);
  };
}

async function keyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

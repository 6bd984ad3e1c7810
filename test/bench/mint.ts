import type { webcrypto } from 'node:crypto';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import * as oauth from 'oauth4webapi';
import { tokensClient } from '../../shared/aws/clients.ts';
import { startBrokerWorld } from '../support/broker-world.ts';
import { localAccess } from '../support/stores.ts';
import { deployedBroker } from './deployed-broker.ts';
import { peer } from './peers.ts';
import { interleaved, type Measurement, median, spread, type Topic } from './topic.ts';

const RUNS = 150;
/** As much as is allowed: what is measured is not what the budget keeps apart. */
const BUDGET = { per_minute: 1_000_000, per_principal: 1_000_000 };
/** The lease, the token, and what it counts for in the budget. */
const WRITES = 3;

/** A token that nobody has asked for yet, against a program that asks the vendor itself, without keeping anything. */
export const mint: Topic = {
  title:
    'A mint by the broker as it is deployed, with the embedded stores and a simulated vendor in this process',
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
        const token = await deployedBroker(
          world,
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
          { body: { params: { run: 'first' } } },
        );
        const peers = await askingWith(endpoint, secret);
        const names = Object.keys(peers);
        const taken = await interleaved<string>(RUNS, {
          ...peers,
          put,
          broker: (index) => token({ params: { run: String(index) } }),
        });
        const fastest = Math.min(...names.map((name) => median(taken[name]!)));
        const allowed = `${method}: 1.3 × the fastest, and ${WRITES} writes`;
        rows.push(
          ...names.map((name) => ({
            what: `${method}: ${name} itself`,
            unit: 'ms' as const,
            ...spread(taken[name]!),
          })),
          { what: `${method}: a write to the table`, unit: 'ms', ...spread(taken.put!) },
          { what: allowed, unit: 'ms', value: 1.3 * fastest + WRITES * median(taken.put!) },
          {
            what: `${method}: the broker`,
            unit: 'ms',
            ...spread(taken.broker!),
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

type Ask = () => Promise<unknown>;

/** Programs that ask by themselves; simple-oauth2 knows no private_key_jwt. */
async function askingWith(endpoint: string, secret: Secret): Promise<Record<string, Ask>> {
  return {
    oauth4webapi: await withOauth4webapi(endpoint, secret),
    'openid-client': await withOpenidClient(endpoint, secret),
    ...(secret.client_secret !== undefined && { 'simple-oauth2': await withSimpleOauth2(endpoint, secret) }),
  };
}

async function withOauth4webapi(
  endpoint: string,
  { client_id, client_secret, private_key }: Secret,
): Promise<Ask> {
  const server = serverAt(endpoint);
  const authentication = private_key
    ? oauth.PrivateKeyJwt(await keyOf(private_key), { [oauth.modifyAssertion]: timeless(endpoint) })
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

async function withOpenidClient(
  endpoint: string,
  { client_id, client_secret, private_key }: Secret,
): Promise<Ask> {
  const openid = await peer<OpenidClient>('openid-client');
  const authentication = private_key
    ? openid.PrivateKeyJwt(await keyOf(private_key), { [openid.modifyAssertion]: timeless(endpoint) })
    : openid.ClientSecretPost(client_secret!);
  const configuration = new openid.Configuration(serverAt(endpoint), client_id, undefined, authentication);
  openid.allowInsecureRequests(configuration);
  return () => openid.clientCredentialsGrant(configuration, { scope: 'all' });
}

async function withSimpleOauth2(endpoint: string, { client_id, client_secret }: Secret): Promise<Ask> {
  const { ClientCredentials } = await peer<SimpleOauth2>('simple-oauth2');
  const { origin, pathname } = new URL(endpoint);
  const client = new ClientCredentials({
    // It admits ASCII alone as a secret: this vendor's goes as a further parameter.
    client: { id: client_id, secret: 'none', secretParamName: 'unused' },
    auth: { tokenHost: origin, tokenPath: pathname },
    options: { authorizationMethod: 'body' },
  });
  return () => client.getToken({ scope: 'all', client_secret });
}

/** What is used of it; its types are installed with it, later than these are checked. */
interface OpenidClient {
  readonly modifyAssertion: typeof oauth.modifyAssertion;
  readonly PrivateKeyJwt: typeof oauth.PrivateKeyJwt;
  readonly ClientSecretPost: typeof oauth.ClientSecretPost;
  readonly Configuration: new (
    server: oauth.AuthorizationServer,
    clientId: string,
    metadata: undefined,
    authentication: oauth.ClientAuth,
  ) => object;
  allowInsecureRequests(configuration: object): void;
  clientCredentialsGrant(configuration: object, parameters: Record<string, string>): Promise<unknown>;
}

interface SimpleOauth2 {
  readonly ClientCredentials: new (
    configuration: object,
  ) => { getToken(parameters: object): Promise<unknown> };
}

function serverAt(endpoint: string): oauth.AuthorizationServer {
  return { issuer: new URL(endpoint).origin, token_endpoint: endpoint };
}

/** The vendor takes a time that has come for one that has not. */
function timeless(endpoint: string): oauth.ModifyAssertionFunction {
  return (_header, payload) => {
    payload.aud = endpoint;
    delete payload.nbf;
  };
}

async function keyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

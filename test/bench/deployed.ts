/** The function that answers callers as it is deployed, in a folder, with embedded stores and a vendor that speaks TLS. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { type BuildOptions, buildSync } from 'esbuild';
import { BUNDLE_FILE, bundle } from '../../infra/bundling/bundle.ts';
import { CONNECTIONS_FILE, ENVIRONMENT } from '../../shared/contract/names.ts';
import { startVendor } from '../infra/deployment.ts';
import { connectionsBeside } from '../support/connections-beside.ts';
import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { createStores, localAccess, openStores } from '../support/stores.ts';

export interface DeployedFunction {
  /** The function's environment variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Its bundle, with the connections file beside it. */
  readonly bundle: string;
  /** Writes another program beside it. @returns its path */
  put(name: string, code: string): Promise<string>;
  /** Runs a file of this folder in a new process under the function's environment. @returns what it sends */
  inProcess<Result>(program: URL, args: readonly string[]): Promise<Result>;
  close(): Promise<void>;
}

/** What API Gateway sends for a token. */
export const EVENT = {
  version: '2.0',
  routeKey: 'POST /connections/{connection}/token',
  rawPath: '/connections/service/token',
  rawQueryString: '',
  headers: { 'content-type': 'application/json' },
  pathParameters: { connection: 'service' },
  requestContext: {
    http: { method: 'POST', path: '/connections/service/token' },
    authorizer: { iam: { userArn: 'arn:aws:sts::111122223333:assumed-role/job/session' } },
  },
  body: '{}',
  isBase64Encoded: false,
};

export async function startDeployed(): Promise<DeployedFunction> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const [vendor, endpoint] = await Promise.all([startVendor(folder), startStoreEndpoint()]);
  const origins = { dynamodb: endpoint.origin, secretsManager: endpoint.origin };
  const names = await createStores(origins);
  const { manager } = openStores(origins, names);
  const SecretString = JSON.stringify({ client_id: 'bench', client_secret: 'bench' });
  await manager.client.send(new CreateSecretCommand({ Name: 'token-broker/service', SecretString }));
  const put = async (name: string, code: string | Uint8Array) => {
    const path = join(folder, name);
    await writeFile(path, code);
    return path;
  };
  const service = {
    vendor: 'custom',
    token_endpoint: `${vendor.origin}/token`,
    client_auth: 'client_secret_post',
  };
  await put(CONNECTIONS_FILE, connectionsBeside({ service }));
  const env = {
    [ENVIRONMENT.tokensTable]: names.tokens,
    [ENVIRONMENT.grantsTable]: names.grants,
    [ENVIRONMENT.keyringSecret]: names.keyring,
    [ENVIRONMENT.rescuePrefix]: names.rescuePrefix,
    [ENVIRONMENT.publicUrl]: 'https://broker.example',
    [ENVIRONMENT.serviceName]: 'token-broker',
    [ENVIRONMENT.shards]: '1',
    AWS_LAMBDA_FUNCTION_NAME: 'token-broker-https',
    AWS_REGION: localAccess.region,
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_ENDPOINT_URL: endpoint.origin,
    NODE_EXTRA_CA_CERTS: vendor.certificate,
  };
  return {
    environment: env,
    bundle: await put(BUNDLE_FILE, bundle('token-https').code),
    put,
    async inProcess<Result>(program: URL, args: readonly string[]) {
      const child = fork(program, args, { env, silent: true });
      // Read and thrown away: a log that nobody reads stops its writer.
      child.stdout?.resume();
      child.stderr?.pipe(process.stderr);
      const [[result]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
      return result as Result;
    },
    async close() {
      await Promise.all([vendor.close(), endpoint.close()]);
      await rm(folder, { recursive: true });
    },
  };
}

/** What any function pays that reads a table and a secret, bundled as CDK's NodejsFunction does. */
export function twoClients(): string {
  const contents = `
    import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
    import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
    const dynamo = new DynamoDBClient({});
    const secrets = new SecretsManagerClient({});
    const { ${ENVIRONMENT.tokensTable}: TableName, ${ENVIRONMENT.keyringSecret}: SecretId } = process.env;
    export const handler = async () => {
      await dynamo.send(new GetItemCommand({ TableName, Key: { pk: { S: 'token#bench' } }, ConsistentRead: true }));
      await secrets.send(new GetSecretValueCommand({ SecretId }));
      console.log('answered');
      return { statusCode: 200 };
    };`;
  return bundled({ stdin: { contents, resolveDir: import.meta.dirname } });
}

/** One file as CDK's NodejsFunction makes it. */
export function bundled(source: Pick<BuildOptions, 'stdin' | 'entryPoints'>): string {
  const { outputFiles } = buildSync({
    ...source,
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
  });
  return outputFiles![0]!.text;
}

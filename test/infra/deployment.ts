/**
 * The synthesized stack, run: each asset in a process of its own under the template's environment, against
 * embedded DynamoDB, Secrets Manager, KMS and STS behind a recorder, and a vendor that speaks TLS.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { App, Stack } from 'aws-cdk-lib';
import { TokenBroker } from '../../infra/token-broker.ts';
import { createTables } from '../../shared/aws/create-tables.ts';
import { makeKmsKey } from '../support/kms.ts';
import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { localhostCertificate } from './certificate.ts';
import { Deployed } from './deployed.ts';
import type { Outcome } from './run-asset.ts';
import { ACCOUNT, REGION, whole } from './synth.ts';

/** A call of an AWS API by one of the functions. */
export interface Call {
  /** The function's logical id. */
  readonly caller: string;
  /** As IAM names it. */
  readonly action: string;
  readonly input: Readonly<Record<string, string>>;
}

export interface Deployment {
  readonly deployed: Deployed;
  readonly calls: readonly Call[];
  /** Grant types that the vendor's token endpoint was asked for. */
  readonly vendorRequests: readonly string[];
  readonly keyringArn: string;
  /** Answers 500 to every call for which it returns true. */
  sabotage(refuses: (call: Call) => boolean): void;
  invoke(fn: string, event: unknown, alias?: string): Promise<Outcome>;
  /** The parts of Node.js that a function has loaded, which has been invoked. */
  loaded(fn: string): Promise<readonly string[]>;
  /** Everything that the functions have logged. */
  logs(): string;
  close(): Promise<void>;
}

export async function deploy(): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'deployment-'));
  const vendor = await startVendor(folder);
  const stores = await startStoreEndpoint();
  const recorder = await startRecorder(stores.origin);

  const app = new App({ outdir: join(folder, 'cdk.out') });
  const stack = new Stack(app, 'TokenBroker');
  new TokenBroker(stack, 'Broker', { connections: { connections: connectionsAt(vendor.origin) } });
  const deployed = new Deployed(whole(stack));
  const keyringArn = await fill(stores.origin, deployed);

  let logged = '';
  const running = new Map<string, Promise<ChildProcess>>();
  const start = async (fn: string): Promise<ChildProcess> => {
    const id = deployed.id('AWS::Lambda::Function', `Broker${fn}`);
    const { Environment, FunctionName } = deployed.properties('AWS::Lambda::Function', id);
    const { Variables } = Environment as { Variables: Record<string, string> };
    const child = fork(new URL('run-asset.ts', import.meta.url), [assetOf(deployed, app, id)], {
      env: {
        ...Variables,
        // What Lambda itself sets; the key tells the recorder who calls.
        AWS_LAMBDA_FUNCTION_NAME: String(FunctionName),
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: fn,
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_ENDPOINT_URL: recorder.origin,
        NODE_EXTRA_CA_CERTS: vendor.certificate,
        // As the real ARN: the embedded service gives secrets its own.
        KEYRING_SECRET: keyringArn,
      },
      silent: true,
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        logged += text;
      });
    }
    await once(child, 'message');
    return child;
  };

  return {
    deployed,
    keyringArn,
    calls: recorder.calls,
    vendorRequests: vendor.requests,
    sabotage: recorder.sabotage,
    logs: () => logged,
    async invoke(fn, event, alias = 'live') {
      if (!running.has(fn)) running.set(fn, start(fn));
      const child = await running.get(fn)!;
      const { FunctionName } = deployed.properties('AWS::Lambda::Function', `Broker${fn}`);
      const answer = once(child, 'message');
      const functionArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${FunctionName}`;
      child.send({ event, invokedFunctionArn: `${functionArn}:${alias}` });
      return (await answer)[0] as Outcome;
    },
    async loaded(fn) {
      const child = await running.get(fn)!;
      const answer = once(child, 'message');
      child.send('loaded');
      return (await answer)[0] as readonly string[];
    },
    async close() {
      for (const child of await Promise.all(running.values())) child.kill();
      await Promise.all([vendor.close(), recorder.close(), stores.close()]);
      await rm(folder, { recursive: true });
    },
  };
}

function connectionsAt(origin: string) {
  const common = {
    vendor: 'custom',
    token_endpoint: `${origin}/token`,
    client_auth: 'client_secret_post',
  } as const;
  return {
    service: common,
    person: {
      ...common,
      grant: 'authorization_code' as const,
      authorization_endpoint: `${origin}/authorize`,
    },
    signing: { ...common, client_auth: 'private_key_jwt' as const, signing: 'kms' as const },
    vouched: { ...common, client_auth: 'aws_web_identity' as const, client_id: 'client' },
  };
}

function assetOf(deployed: Deployed, app: App, id: string): string {
  const { Code } = deployed.resources[id]!.Properties as { Code: { S3Key: string } };
  return join(app.outdir, `asset.${Code.S3Key.replace('.zip', '')}`);
}

/** Tables and secrets as the template has them, values as CloudFormation generates and a person puts them. */
async function fill(endpoint: string, deployed: Deployed): Promise<string> {
  const config = { endpoint, region: REGION, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  const named = (part: string) => String(deployed.properties('AWS::DynamoDB::Table', part).TableName);
  await createTables(new DynamoDBClient(config), { tokens: named('Tokens'), grants: named('Grants') });
  const { id: kms_key_id } = await makeKmsKey(endpoint, 'RSA_2048');
  const manager = new SecretsManagerClient(config);
  let keyring = '';
  for (const [, { Properties }] of deployed.ofType('AWS::SecretsManager::Secret')) {
    const generated = Properties.GenerateSecretString as Record<string, unknown> | undefined;
    const value = generated
      ? {
          ...JSON.parse(String(generated.SecretStringTemplate)),
          [String(generated.GenerateStringKey)]: 'x'.repeat(64),
        }
      : { client_id: 'client', client_secret: 'canary-secret', kms_key_id };
    const { ARN } = await manager.send(
      new CreateSecretCommand({ Name: String(Properties.Name), SecretString: JSON.stringify(value) }),
    );
    if (generated) keyring = ARN!;
  }
  return keyring;
}

/** A token endpoint whose refresh tokens rotate; tokens from a code end at once, so that they fall due. */
export async function startVendor(folder: string) {
  const { key, cert } = localhostCertificate();
  const certificate = join(folder, 'vendor.pem');
  await writeFile(certificate, cert);
  const requests: string[] = [];
  const server = createTlsServer({ key, cert }, async (request, response) => {
    const body = new URLSearchParams(await textOf(request));
    const grant = body.get('grant_type') ?? '';
    requests.push(grant);
    const serial = requests.length;
    const refresh = grant === 'client_credentials' ? {} : { refresh_token: `canary-refresh-${serial}` };
    const expires_in = grant === 'authorization_code' ? 1 : 3600;
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        access_token: `canary-access-${serial}`,
        token_type: 'Bearer',
        expires_in,
        ...refresh,
      }),
    );
  });
  const port = await listening(server, 'localhost');
  return { origin: `https://localhost:${port}`, certificate, requests, close: () => closed(server) };
}

/** As IAM calls them, by target. */
const SERVICES: Readonly<Record<string, string>> = { secretsmanager: 'secretsmanager', TrentService: 'kms' };

/** Of a target and JSON, or of a form, as STS has it. */
function askedIn(body: string, target: string | string[] | undefined): Omit<Call, 'caller'> {
  if (target === undefined) {
    const input = Object.fromEntries(new URLSearchParams(body));
    return { action: `sts:${input.Action}`, input };
  }
  const [service, operation] = String(target).split('.');
  return { action: `${SERVICES[service!] ?? 'dynamodb'}:${operation}`, input: JSON.parse(body) };
}

/** Passes calls on and remembers them. */
async function startRecorder(target: string) {
  const calls: Call[] = [];
  let refuses = (_: Call): boolean => false;
  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    const call: Call = {
      caller: /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '',
      ...askedIn(body, request.headers['x-amz-target']),
    };
    calls.push(call);
    if (refuses(call)) return response.writeHead(500).end('{}');
    const headers = request.headers as Record<string, string>;
    const answer = await fetch(target, {
      method: 'POST',
      body,
      headers: { ...headers, connection: 'close' },
    });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    return response.end(Buffer.from(await answer.arrayBuffer()));
  });
  const port = await listening(server, '127.0.0.1');
  const sabotage = (next: typeof refuses) => {
    refuses = next;
  };
  return { origin: `http://127.0.0.1:${port}`, calls, sabotage, close: () => closed(server) };
}

type AnyServer = ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>;

async function listening(server: AnyServer, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function closed(server: AnyServer): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function textOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

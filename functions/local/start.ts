/** Starts the parts of the local program in order, and stops them in the reverse one. */
import { randomBytes } from 'node:crypto';
import type { AwsConfig } from '../../shared/aws/clients.ts';
import { Activity } from '../console/activity.ts';
import { consoleAddress } from '../console/address.ts';
import { composeLocal } from './compose-local.ts';
import type { Connections } from './connections.ts';
import { localConsole } from './console.ts';
import { consoleLog } from './console-log.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import type { Simulation } from './demo.ts';
import { startAwsEndpoint } from './emulator/endpoint.ts';
import { lambdaService } from './emulator/lambda.ts';
import { startGateway } from './gateway.ts';
import type { LocalHandlers } from './handlers.ts';
import { DEMO_KEY } from './identities.ts';
import type { LocalOptions } from './options.ts';
import { type Registered, register } from './registry.ts';
import { startSchedule } from './scheduler.ts';
import { embeddedConfig, environmentConfig, prepareStores } from './stores.ts';
import type { Welcome } from './welcome.ts';

interface LocalBroker {
  readonly about: Omit<Welcome, 'seconds'>;
  close(): Promise<void>;
}

/**
 * `endpointUrl`: of another endpoint's DynamoDB, Secrets Manager, KMS and STS; absent, they are embedded.
 * @throws UsageError, ConnectionsFileError, DataDirectoryUnusable, PortUnavailable, StoresUnusable
 */
export async function startLocalBroker(options: LocalOptions, endpointUrl?: string): Promise<LocalBroker> {
  const started: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const stop of started.reverse()) await stop();
    started.length = 0;
  };
  try {
    return { about: await start(options, endpointUrl, (stop) => started.push(stop)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  options: LocalOptions,
  endpointUrl: string | undefined,
  onClose: (stop: () => Promise<void>) => void,
): Promise<LocalBroker['about']> {
  const directory = endpointUrl ? undefined : await openDataDirectory(options.data);
  if (directory) onClose(() => directory.release());
  const { connections, simulation } = await chooseConnections(options, directory?.simulators);
  if (simulation) onClose(() => simulation.close());
  const data = directory && (await embedData(directory));
  if (data) onClose(() => data.close());

  // Each of the two servers and the handlers wants to know of the other two: the handlers come last.
  const { promise: handlers, resolve } = Promise.withResolvers<LocalHandlers>();
  const lambda = lambdaService({ handlers, aliases: [...connections.keys()] });
  const isDemo = options.connections === undefined;
  const key = options.key ?? (isDemo ? DEMO_KEY : ((await directory?.key()) ?? newKey()));
  const services = { lambda, ...data?.services };
  const aws = await startAwsEndpoint({ port: options.awsPort, services, key });
  onClose(() => aws.close());
  // The demo's key is known to all and proves nothing.
  const proof = key === DEMO_KEY ? newKey() : key;
  const about = Promise.withResolvers<Registered>();
  const activity = new Activity(connections.keys());
  const watched = { activity, connections, ...(simulation && { vendors: simulation.origins }) };
  const console = localConsole(about.promise, watched);
  const gateway = await startGateway({ port: options.port, handlers, key, proof, console });
  onClose(() => gateway.close());

  const config: AwsConfig = endpointUrl
    ? environmentConfig(endpointUrl, options.key)
    : embeddedConfig(aws.url, key);
  const [secrets, composed] = await Promise.all([
    prepareStores(config, simulation?.seeds ?? {}),
    composeLocal({
      connections,
      aws: config,
      publicUrl: gateway.url,
      observe: (event) => {
        consoleLog(event);
        activity.add(event);
      },
    }),
  ]);
  simulation?.recognise(secrets);
  resolve(composed);
  const schedule = startSchedule(composed.refresh, options.sweepEvery);
  onClose(() => schedule.stop());
  const entry = { url: gateway.url, awsUrl: endpointUrl ?? aws.url, key, proof, consoleKey: newKey() };
  about.resolve(entry);
  onClose(await register(entry));
  return {
    url: gateway.url,
    awsUrl: aws.url,
    console: consoleAddress(gateway.url, entry.consoleKey),
    key,
    connections,
    kept: directory?.path ?? `${endpointUrl} (AWS_ENDPOINT_URL)`,
    ...(simulation ? { vendors: simulation.origins } : {}),
  };
}

async function chooseConnections(
  { connections: file, simulate: names = [] }: LocalOptions,
  simulators: string | undefined,
): Promise<{ connections: Connections; simulation?: Simulation }> {
  if (file !== undefined && names.length === 0) {
    const { readConnections } = await import('./connections.ts');
    return { connections: await readConnections(file) };
  }
  const [{ simulate, startDemo }, { readConnectionsFile }] = await Promise.all([
    import('./demo.ts'),
    import('./connections.ts'),
  ]);
  const simulation =
    file === undefined
      ? await startDemo(simulators)
      : await simulate(await readConnectionsFile(file), names, simulators);
  return { connections: simulation.connections, simulation };
}

/** For as long as this process runs. */
function newKey(): string {
  return randomBytes(24).toString('base64url');
}

async function embedData(directory: DataDirectory) {
  const [{ embedDynamoDb }, { secretsManagerService }, { kmsService }, { stsService }] = await Promise.all([
    import('./emulator/dynamodb.ts'),
    import('./emulator/secrets-manager.ts'),
    import('./emulator/kms.ts'),
    import('./emulator/sts.ts'),
  ]);
  const secretsmanager = await secretsManagerService(directory.secrets);
  const kms = await kmsService(directory.kms);
  const dynamodb = await embedDynamoDb(directory.dynamodb);
  const services = { dynamodb: dynamodb.service, secretsmanager, kms, sts: stsService() };
  return { services, close: () => dynamodb.close() };
}

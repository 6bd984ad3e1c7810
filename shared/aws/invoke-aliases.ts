/**
 * The aliases of direct invoke, one a connection. Each stays on the version that its connection was last
 * changed with: that version's connections file is older for all others, which it never serves.
 */
import {
  CreateAliasCommand,
  DeleteAliasCommand,
  LambdaClient,
  ResourceConflictException,
  ResourceNotFoundException,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';

export type Lambda = Pick<LambdaClient, 'send'>;

/** What a deployment wants. */
export interface InvokeAliases {
  readonly functionName: string;
  /** Number of the version that is being deployed. */
  readonly version: string;
  /** Digest of all that every connection depends on: code, environment, size. */
  readonly common: string;
  /** By alias: digest of what its connection says. */
  readonly connections: Readonly<Record<string, string>>;
}

interface Moved {
  readonly put: readonly string[];
  readonly deleted: readonly string[];
}

/** Lambda's control plane takes 15 calls a second from an account and Region; others deploy as well. */
const PAUSE = 100;

/** Many attempts, because a throttled call is no reason to roll a deployment back. */
export function lambdaClient(): Lambda {
  return new LambdaClient({ maxAttempts: 10, retryMode: 'adaptive', defaultsMode: 'standard' });
}

/**
 * Creates, moves and deletes what differs between two deployments, and leaves the others alone. May be repeated.
 * @param sleep milliseconds
 */
export async function moveAliases(
  lambda: Lambda,
  before: InvokeAliases | undefined,
  after: InvokeAliases | undefined,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<Moved> {
  const deleted = Object.keys(before?.connections ?? {}).filter(
    (name) => after?.connections[name] === undefined,
  );
  const put = Object.keys(after?.connections ?? {}).filter((name) => !isSame(before, after, name));
  for (const Name of put) {
    await putAlias(lambda, { Name, FunctionName: after!.functionName, FunctionVersion: after!.version });
    await sleep(PAUSE);
  }
  for (const Name of deleted) {
    await deleteAlias(lambda, { Name, FunctionName: before!.functionName });
    await sleep(PAUSE);
  }
  return { put, deleted };
}

function isSame(before: InvokeAliases | undefined, after: InvokeAliases | undefined, name: string): boolean {
  return (
    before?.functionName === after?.functionName &&
    before?.common === after?.common &&
    before?.connections[name] === after?.connections[name]
  );
}

interface Place {
  readonly Name: string;
  readonly FunctionName: string;
}

async function putAlias(lambda: Lambda, alias: Place & { FunctionVersion: string }): Promise<void> {
  try {
    await lambda.send(new CreateAliasCommand(alias));
  } catch (error) {
    if (!(error instanceof ResourceConflictException)) throw error;
    await lambda.send(new UpdateAliasCommand(alias));
  }
}

async function deleteAlias(lambda: Lambda, alias: Place): Promise<void> {
  try {
    await lambda.send(new DeleteAliasCommand(alias));
  } catch (error) {
    // The function may be gone, and its aliases with it.
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
}

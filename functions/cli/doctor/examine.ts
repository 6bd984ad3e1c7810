/** Doctor's checks, in order, for whoever wants to see them: the command, and the console. */
import { pathOf } from '../../../shared/contract/routes.ts';
import { asFailure } from '../as-failure.ts';
import { callerIdentity } from '../aws.ts';
import { type Listed, listConnections, onConnection } from '../connection-list.ts';
import { readConnectionsFile } from '../connections-file.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Target } from '../target.ts';
import { type Check, type CheckContext, type Finding, ok } from './check.ts';
import { adviseClients } from './clients.ts';
import { checkFile } from './file.ts';
import { checkSchedule, checkTables } from './infrastructure.ts';
import { checkKeyring, checkSecrets } from './secrets.ts';
import { checkTokens } from './tokens.ts';
import { checkVendors } from './vendors.ts';

/** What comes before these is needed by all of them. */
const CHECKS: readonly Check[] = [
  checkFile,
  checkSecrets,
  adviseClients,
  checkVendors,
  checkTokens,
  checkTables,
  checkSchedule,
  checkKeyring,
];

type Report = (finding: Finding) => void;

interface Examination {
  /** Of connections; none: all that may be used. */
  readonly names?: readonly string[];
  /** Path of a connections file to compare with what is deployed. */
  readonly file?: string | undefined;
  find(): Promise<Target>;
  readonly report: Report;
}

/** All checks, in order. @throws Failure where the command line is wrong, or a connection that is named is not there */
export async function examine({ names = [], file: path, find, report }: Examination): Promise<void> {
  const target = await needed('stack', report, find);
  if (!target) return;
  const identity = await needed('credentials', report, () => identityOf(target));
  if (identity === undefined) return;
  report(ok('credentials', identity));
  report(ok('region', target.aws.region));
  const all = await needed('broker', report, () => listConnections(target));
  if (!all) return;
  const listed = await chosen(target, all, names);
  report(ok('broker', `${target.endpoint.origin} answers; ${listed.length} connections`));
  const file =
    path === undefined ? undefined : await readConnectionsFile(path, { allowLoopbackHttp: target.isLocal });
  const context: CheckContext = { target, listed, file: names.length === 0 ? file : only(file, names) };
  for (const check of CHECKS) (await check(context)).forEach(report);
}

/** What all other checks need: when it fails, that is the last finding. A wrong command line is none. */
async function needed<T>(check: string, report: Report, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const { exitCode, message: detail, next: fix } = asFailure(error);
    if (exitCode === EXIT.usage) throw error;
    const name = exitCode === EXIT.denied ? 'credentials' : check;
    report({ check: name, status: 'problem', detail, ...(fix !== undefined && { fix }) });
    return undefined;
  }
}

async function identityOf({ aws, isLocal }: Target): Promise<string> {
  return isLocal
    ? `key id ${(await aws.credentials()).accessKeyId} of the local broker`
    : callerIdentity(aws);
}

async function chosen(target: Target, listed: Listed[], names: readonly string[]): Promise<Listed[]> {
  if (names.length === 0) return listed;
  return Promise.all(
    names.map(async (connection) => {
      const found = listed.find((each) => each.connection === connection);
      if (found) return found;
      await onConnection(target, connection, () =>
        target.api('GET', pathOf('GET /connections/{connection}', { connection })),
      );
      throw new Failure(EXIT.failed, `The broker does not list ${connection}.`);
    }),
  );
}

function only(file: CheckContext['file'], names: readonly string[]): CheckContext['file'] {
  return file && new Map([...file].filter(([name]) => names.includes(name)));
}

import type { Command } from 'commander';
import { pathOf } from '../../../shared/contract/routes.ts';
import { asFailure } from '../as-failure.ts';
import { callerIdentity } from '../aws.ts';
import { withTarget } from '../command.ts';
import { type Listed, listConnections, onConnection } from '../connection-list.ts';
import { readConnectionsFile } from '../connections-file.ts';
import { EXIT, Failure } from '../failure.ts';
import { findTarget, type Target, type TargetOptions } from '../target.ts';
import { print, printJson } from '../terminal.ts';
import { type Check, type CheckContext, type Finding, ok, shown } from './check.ts';
import { checkFile } from './file.ts';
import { checkSchedule, checkTables } from './infrastructure.ts';
import { checkKeyring, checkSecrets } from './secrets.ts';
import { checkTokens } from './tokens.ts';
import { checkVendors } from './vendors.ts';

interface Options extends TargetOptions {
  readonly connections?: string;
  readonly json?: boolean;
}

/** What comes before these is needed by all of them. */
const CHECKS: readonly Check[] = [
  checkFile,
  checkSecrets,
  checkVendors,
  checkTokens,
  checkTables,
  checkSchedule,
  checkKeyring,
];

export function doctorCommand(): Command {
  return withTarget('doctor', 'Check everything in order; each check has a tick or what mends it.')
    .argument('[connection...]', 'default: all that you may use')
    .option('--connections <file>', 'the connections file, to compare with what is deployed')
    .option('--json', 'print the findings')
    .addHelpText(
      'after',
      `
Examples:
  token-broker doctor
  token-broker doctor crash-symbols --stack token-broker --connections infra/connections.json

It gets a token of every connection that acts for itself. Exit code 0: all is well; 1: something needs attention.`,
    )
    .action(async (names: string[], options: Options) => {
      const findings: Finding[] = [];
      const report = (finding: Finding) => {
        findings.push(finding);
        if (!options.json) print(shown(finding));
      };
      await examine(names, options, report);
      if (options.json) printJson({ findings });
      const problems = findings.filter(({ status }) => status === 'problem').length;
      if (!options.json) print(problems === 0 ? '\nAll is well.' : `\n${problems} to mend.`);
      if (problems > 0) process.exitCode = EXIT.failed;
    });
}

type Report = (finding: Finding) => void;

async function examine(names: readonly string[], options: Options, report: Report) {
  const target = await needed('stack', report, () => findTarget(options));
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
    options.connections === undefined
      ? undefined
      : await readConnectionsFile(options.connections, { allowLoopbackHttp: target.isLocal });
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

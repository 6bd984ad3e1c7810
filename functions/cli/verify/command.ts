import { Command, InvalidArgumentError } from 'commander';
import { SERVICE } from '../../../shared/contract/metrics.ts';
import { asFailure } from '../as-failure.ts';
import { callerIdentity } from '../aws.ts';
import { listConnections } from '../connection-list.ts';
import { type Finding, ok, problem, shown } from '../doctor/check.ts';
import { checkTokens } from '../doctor/tokens.ts';
import { EXIT, Failure } from '../failure.ts';
import { findTarget, type TargetOptions } from '../target.ts';
import { print, printJson, tell } from '../terminal.ts';
import { checkAlarm } from './alarm.ts';
import { checkBoundaries } from './boundaries.ts';
import { checkGuards } from './guards.ts';
import { type LiveCheck, newRunId, parameterOf, type Run, resourcesOf } from './run.ts';
import { checkDrift, checkEgress } from './stack.ts';
import { checkTraces } from './traces.ts';

interface Options extends Pick<TargetOptions, 'region' | 'awsEndpoint'> {
  readonly stack: string;
  readonly patience: number;
  readonly json?: boolean;
}

const CHECKS: readonly (readonly [string, LiveCheck])[] = [
  ['temporary role', checkBoundaries],
  ['tokens', checkTokens],
  ['traces', checkTraces],
  ['alarm', checkAlarm],
  ['drift', checkDrift],
  ['egress address', checkEgress],
  ['secrets', checkGuards],
];

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check after a deployment what only AWS itself can show.')
    .option('--stack <name>', 'token-broker or STAGE-token-broker', SERVICE)
    .option('--region <region>', 'default: AWS_REGION')
    .option('--aws-endpoint <url>', 'of AWS services; also AWS_ENDPOINT_URL')
    .option('--patience <seconds>', 'how long to wait for what AWS shows late', seconds, 180)
    .option('--json', 'print the findings')
    .addHelpText(
      'after',
      `
Examples:
  token-broker verify
  token-broker verify --stack prod-token-broker --region eu-west-1 --json

Changes nothing but this, and undoes it, also after a failure or Ctrl+C: it makes a tagged role for one
connection, and sets one alarm, which tells whoever is subscribed to it. Exit code 0: all is well; 1: not.`,
    )
    .action(verify);
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('Whole seconds, 1 to 3600.');
}

async function verify(options: Options): Promise<void> {
  const findings: Finding[] = [];
  const report = (finding: Finding) => {
    findings.push(finding);
    if (!options.json) print(shown(finding));
  };
  const interruption = new AbortController();
  const onSignal = () => {
    if (!interruption.signal.aborted) tell('Interrupted: putting everything back …');
    interruption.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const undoing: Undo[] = [];
  try {
    const run = await begin(options, interruption.signal, (what, work) => undoing.push({ what, work }));
    report(ok('stack', `${run.stack} in ${run.target.aws.region}, as ${run.identity}`));
    await examine(run, report);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    for (const undo of undoing.reverse()) report(await undone(undo));
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    if (options.json) printJson({ findings, interrupted: interruption.signal.aborted });
  }
  if (interruption.signal.aborted) throw new Failure(EXIT.interrupted, 'Interrupted.');
  const problems = findings.filter(({ status }) => status === 'problem').length;
  if (!options.json) print(problems === 0 ? '\nAll is well.' : `\n${problems} to mend.`);
  if (problems > 0) process.exitCode = EXIT.failed;
}

async function begin(
  { patience, json: _, ...options }: Options,
  interrupted: AbortSignal,
  undo: Run['undo'],
): Promise<Run> {
  const target = await findTarget(options);
  const [identity, invokeArn, resources, listed] = await Promise.all([
    callerIdentity(target.aws),
    parameterOf(target, `/${options.stack}/invoke-function`),
    resourcesOf(target, options.stack),
    listConnections(target),
  ]);
  const { stack } = options;
  const shared = { target, listed, file: undefined, stack, identity, invokeArn, resources };
  return { ...shared, id: newRunId(), patience: patience * 1000, interrupted, undo };
}

/** A check that cannot be made keeps no other from being made. */
async function examine(run: Run, report: (finding: Finding) => void): Promise<void> {
  for (const [name, check] of CHECKS) {
    run.interrupted.throwIfAborted();
    try {
      (await check(run)).forEach(report);
    } catch (error) {
      run.interrupted.throwIfAborted();
      const { message, next } = asFailure(error);
      report(problem(name, message, next ?? 'Run it again.'));
    }
  }
}

interface Undo {
  readonly what: string;
  readonly work: () => Promise<void>;
}

async function undone({ what, work }: Undo): Promise<Finding> {
  try {
    await work();
    return ok('put back', what);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return problem('put back', `${what}: ${reason}`, 'Put it back by hand.');
  }
}

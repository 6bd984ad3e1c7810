import type { Command } from 'commander';
import { withTarget } from '../command.ts';
import { EXIT } from '../failure.ts';
import { findTarget, type TargetOptions } from '../target.ts';
import { print, printJson } from '../terminal.ts';
import { type Finding, shown } from './check.ts';
import { examine } from './examine.ts';

interface Options extends TargetOptions {
  readonly connections?: string;
  readonly json?: boolean;
}

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
      const { connections: file } = options;
      await examine({ names, file, find: () => findTarget(options), report });
      if (options.json) printJson({ findings });
      const problems = findings.filter(({ status }) => status === 'problem').length;
      if (!options.json) print(problems === 0 ? '\nAll is well.' : `\n${problems} to mend.`);
      if (problems > 0) process.exitCode = EXIT.failed;
    });
}

import { Argument, Command } from 'commander';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import { print } from './terminal.ts';

export function completionCommand(): Command {
  return new Command('completion')
    .description('Print what makes a shell complete this command.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  eval "$(token-broker completion bash)"                                       # in ~/.bashrc
  eval "$(token-broker completion zsh)"                                        # in ~/.zshrc, after compinit
  token-broker completion fish > ~/.config/fish/completions/token-broker.fish`,
    )
    .action((shell: Shell, _, command: Command) => print(completionScript(command.parent!, shell).trimEnd()));
}

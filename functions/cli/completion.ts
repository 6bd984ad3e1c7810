/**
 * Completion for three shells, as text made of the commands that there are. Nothing is run when somebody presses Tab:
 * neither this program, nor what was typed so far.
 */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Word {
  readonly text: string;
  readonly about: string;
}

interface Place {
  /** `secret put`; empty for the program itself. */
  readonly command: string;
  /** Commands below it, or what its first argument may be where that is one of a few. */
  readonly words: readonly Word[];
  readonly options: readonly Option[];
}

export function completionScript(root: Command, shell: Shell): string {
  return SCRIPTS[shell](root.name(), placesIn(root));
}

function placesIn(command: Command, path: readonly string[] = []): Place[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((each) => each.name() !== 'help');
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  const place: Place = {
    command: path.join(' '),
    words: [
      ...below.map((each) => ({ text: each.name(), about: each.description() })),
      ...choices.map((text) => ({ text, about: '' })),
    ],
    options: help.visibleOptions(command),
  };
  return [place, ...below.flatMap((each) => placesIn(each, [...path, each.name()]))];
}

const SCRIPTS: Readonly<Record<Shell, (program: string, places: readonly Place[]) => string>> = {
  bash: (program, places) => `_token_broker() {
  local at='' before='' word current="\${COMP_WORDS[COMP_CWORD]}" IFS=$'\\n'
  COMPREPLY=()
${walk(places, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`, bashFiles('-c -f'))}
  case "$at $before" in
${valueCases(places, bashFiles('-f'), bashWords)}
  esac
  case "$at" in
${wordCases(places, (words, options) => bashWords([...words, ...options].map(({ text }) => text)))}
  esac
}
complete -F _token_broker ${program}
`,

  zsh: (program, places) => `#compdef ${program}
_token_broker() {
  local at='' before='' word
  local -a found flags
${walk(places, `"\${(@)words[2,CURRENT-1]}"`, '_command_names -e; _files')}
  case "$at $before" in
${valueCases(places, '_files', (choices) => `compadd -- ${choices.map(quoted).join(' ')}`)}
  esac
  case "$at" in
${wordCases(places, (words, options) => `found=(${zshWords(words)}) flags=(${zshWords(options)})`)}
  esac
  _describe '${program}' found
  _describe -o '${program}' flags
}
compdef _token_broker ${program}
`,

  fish: (program, places) => {
    const lines = places.flatMap((place) => {
      const at = `complete -c ${program} -n ${quoted(fishCondition(place))}`;
      return [
        ...place.words.map(({ text, about }) => `${at} -a ${quoted(text)} -d ${fishQuoted(about)}`),
        ...place.options.map((option) => `${at} ${fishOption(option)}`),
      ];
    });
    const afterDashes = `complete -c ${program} -n 'contains -- -- (commandline -opc)' -F`;
    return `${[`complete -c ${program} -f`, ...lines, afterDashes].join('\n')}\n`;
  },
};

const takesValue = ({ required, optional }: Option) => required || optional;
const isFile = ({ flags }: Option) => flags.includes('<file>');

/** As the walk keeps it: each word after a blank. */
const pathOf = ({ command }: Place) => command && ` ${command}`;

/** Finds the command that the words so far are of, and what came last; behind `--` anything may come. */
function walk(places: readonly Place[], words: string, anything: string): string {
  const commands = places.map(pathOf).filter(Boolean).map(quoted);
  return `  for word in ${words}; do
    if [[ "$word" == -- ]]; then ${anything}; return; fi
    before="$word"
    case "$at $word" in ${commands.join('|')}) at="$at $word" ;; esac
  done`;
}

/** Behind an option that takes a value comes nothing but that. */
function valueCases(
  places: readonly Place[],
  files: string,
  oneOf: (choices: readonly string[]) => string,
): string {
  const cases = new Map<string, string[]>();
  for (const place of places) {
    for (const option of place.options.filter(takesValue)) {
      const offer = isFile(option) ? files : option.argChoices ? oneOf(option.argChoices) : ':';
      cases.set(offer, [...(cases.get(offer) ?? []), quoted(`${pathOf(place)} ${option.long}`)]);
    }
  }
  return [...cases].map(([offer, patterns]) => `    ${patterns.join('|')}) ${offer}; return ;;`).join('\n');
}

function wordCases(
  places: readonly Place[],
  offer: (words: readonly Word[], options: readonly Word[]) => string,
): string {
  return places
    .map((place) => {
      const options = place.options.map(({ long, description }) => ({ text: long!, about: description }));
      return `    ${quoted(pathOf(place))}) ${offer(place.words, options)} ;;`;
    })
    .join('\n');
}

const bashWords = (words: readonly string[]) =>
  `COMPREPLY=($(compgen -W $'${words.join('\\n')}' -- "$current"))`;

/** Old versions of bash have no `compopt`. */
const bashFiles = (kinds: string) =>
  `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen ${kinds} -- "$current"))`;

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zshWords(words: readonly Word[]): string {
  return words.map(({ text, about }) => quoted(about ? `${text}:${about}` : text)).join(' ');
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

function fishCondition({ command, words }: Place): string {
  const seen = command.split(' ').map((word) => word && `__fish_seen_subcommand_from ${word}`);
  const names = words.map(({ text }) => text).join(' ');
  return [...seen, names && `not __fish_seen_subcommand_from ${names}`].filter(Boolean).join('; and ');
}

function fishOption(option: Option): string {
  const value = takesValue(option) ? ` -r ${isFile(option) ? '-F' : '-f'}` : '';
  const choices = option.argChoices ? ` -a ${quoted(option.argChoices.join(' '))}` : '';
  return `-l ${option.long!.slice(2)}${value}${choices} -d ${fishQuoted(option.description)}`;
}

/** Completion in the shells themselves, those that this machine has. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SHELLS, type Shell } from '../../functions/cli/completion.ts';
import { program } from '../../functions/cli/program.ts';
import { cli } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'token-broker-completion-'));
const run = cli(() => ({ url: 'http://127.0.0.1:1', awsUrl: 'http://127.0.0.1:1' }));
beforeAll(async () => {
  await Promise.all(
    SHELLS.map(async (shell) => {
      const { code, stdout } = await run(['completion', shell]);
      expect(code).toBe(0);
      writeFileSync(join(folder, shell), stdout);
    }),
  );
  writeFileSync(join(folder, 'connections.json'), '{}');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** How each shell is made to press Tab behind the words, the last of which may be empty. */
const PRESS: Readonly<Record<Shell, (words: readonly string[]) => string[]>> = {
  bash: (words) => [
    '--norc',
    '-c',
    `source ./bash; COMP_WORDS=(token-broker "$@"); COMP_CWORD=$#; _token_broker; printf "%s\\n" "\${COMPREPLY[@]}"`,
    'bash',
    ...words,
  ],
  // Its line editor only calls the real ones: these say what they would offer.
  zsh: (words) => [
    '-fc',
    `compdef() :; _command_names() :; _files() { print -l -- $words[CURRENT]*(N) }
      _describe() { print -l -- \${\${(P)@[-1]}%%:*} }; compadd() { shift; print -l -- $@ }
      source ./zsh; words=(token-broker "$@"); CURRENT=$(($# + 1)); _token_broker`,
    'zsh',
    ...words,
  ],
  fish: (words) => [
    '--no-config',
    '-c',
    'source fish; complete -C "$argv"',
    `token-broker ${words.join(' ')}`,
  ],
};

function offered(shell: Shell, ...words: string[]): string[] {
  const { stdout, stderr } = spawnSync(shell, PRESS[shell](words), { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split(/\s+/).filter(Boolean);
}

/** Each command with the words that lead to it. */
function commandsIn(command: Command, path: readonly string[] = []): [readonly string[], Command][] {
  return [[path, command], ...command.commands.flatMap((each) => commandsIn(each, [...path, each.name()]))];
}

describe.each(SHELLS)('%s', (shell) => {
  const here = spawnSync(shell, ['-c', 'true']).status === 0;
  const testHere = test.skipIf(!here);

  testHere('offers every option of every command', () => {
    for (const [path, { options }] of commandsIn(program('0'))) {
      const flags = options.filter(({ hidden }) => !hidden).map(({ long }) => long);
      expect(offered(shell, ...path, '--')).toEqual(expect.arrayContaining(flags));
    }
  });

  testHere.each<[string[], string[]]>([
    [['tok'], ['token']],
    [
      ['secret', ''],
      ['put', 'keygen'],
    ],
    [['completion', ''], [...SHELLS]],
    [['secret', 'put', 'crash', '--client-auth', 'private'], ['private_key_jwt']],
    [['doctor', '--connections', 'conn'], ['connections.json']],
    [['exec', 'crash', '--', 'conn'], ['connections.json']],
  ])('offers behind %j: %j', (words, expected) => {
    expect(offered(shell, ...words)).toEqual(expect.arrayContaining(expected));
  });

  testHere('offers no words where a value is to be typed, and runs nothing that was typed', () => {
    expect(offered(shell, 'token', 'crash', '--scope', '')).toEqual([]);
    offered(shell, 'token', '$(touch</dev/null>run)', '--');
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });
});

import { expect, test, vi } from 'vitest';
import { print, styled, table, tell } from '../../functions/cli/terminal.ts';

/** What `say` wrote to a stream that is a terminal, or a pipe. */
function written(name: 'stdout' | 'stderr', isTTY: boolean, say: () => void): string {
  const stream = process[name];
  const before = stream.isTTY;
  const write = vi.spyOn(stream, 'write').mockReturnValue(true);
  stream.isTTY = isTTY;
  try {
    say();
    return write.mock.calls.join('');
  } finally {
    stream.isTTY = before;
    write.mockRestore();
  }
}

test.each([
  ['a window title', 'a\u001B]0;owned\u0007', 'a\\u001b]0;owned\\u0007'],
  ['a C1 sequence', 'a\u009B2Jb', 'a\\u009b2Jb'],
  ['a carriage return', 'denied\rallowed', 'denied\\u000dallowed'],
  ['text that turns', 'a\u202Eb', 'a\\u202eb'],
  ['a cursor that moves', '\u001B[2A', '\\u001b[2A'],
])('%s does not reach a terminal', (_, text, shown) => {
  expect(written('stdout', true, () => print(text))).toBe(`${shown}\n`);
  expect(written('stderr', true, () => tell(text))).toBe(`${shown}\n`);
  expect(written('stdout', false, () => print(text))).toBe(`${text}\n`);
});

test('lines, columns and our own styles do', () => {
  const text = `a\tb\n${styled('red', 'c', { isTTY: true } as NodeJS.WriteStream)} é`;
  expect(written('stdout', true, () => print(text))).toBe(`${text}\n`);
});

test('a table has a column for all that there may be in a pipe, and on a terminal for what there is and fits', () => {
  const rows = [['one', 'two', '-', 'four']];
  const shown = (width?: number) => table(['A', 'B', 'C', 'D'], rows, ['D', 'B'], width).split('\n')[1];
  expect([shown(Infinity), shown(14), shown(13), shown(8), shown(3)]).toEqual([
    ...['one  two  -  four', 'one  two  four', 'one  two', 'one  two', 'one'],
  ]);
});

/** What goes to the terminal, and how. Results go to stdout, everything else to stderr. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];
type Stream = NodeJS.WriteStream;

/** Styled on a terminal only, so that files and pipes get plain text. */
export function styled(style: Style, text: string, stream: Stream = process.stdout): string {
  return stream.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;
}

export function print(text: string): void {
  write(process.stdout, text);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** To the person, not to a script that reads the result. */
export function tell(text: string): void {
  write(process.stderr, text);
}

/** Vendors and files may say what a terminal would obey; a file gets every character as it is. */
function write(stream: Stream, text: string): void {
  stream.write(`${stream.isTTY ? text.replace(OBEYED, escaped) : text}\n`);
}

/** Control characters of both sets and those that turn the direction of text; not line ends, tabs and our own styles. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const OBEYED = /(?![\n\t]|\u001B\[\d{1,2}m)[\p{Cc}\p{Bidi_Control}]/gu;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export function warn(text: string): void {
  tell(`${styled('yellow', 'warning:', process.stderr)} ${text}`);
}

/** Both ends are a person's: questions can be asked and answered. */
export const isInteractive = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

/**
 * Rows under their headings, columns as wide as their widest cell. On a terminal, none for what no row has.
 * @param dispensable headings of columns that a narrow terminal does without, the first before the others
 * @param width of the terminal, in characters; `Infinity` where there is none
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  dispensable: readonly string[] = [],
  width = process.stdout.columns ?? Infinity,
): string {
  const all = headings.map((heading, column) => [heading, ...rows.map((row) => row[column] ?? '')]);
  const isFilled = ([, ...cells]: readonly string[]) => cells.some((cell) => cell !== '-');
  let columns = width === Infinity ? all : all.filter(isFilled);
  const widthOf = (cells: readonly string[]) => Math.max(...cells.map(({ length }) => length));
  const tooWide = () => columns.reduce((sum, cells) => sum + 2 + widthOf(cells), -2) > width;
  for (const heading of dispensable) {
    if (tooWide()) columns = columns.filter(([name]) => name !== heading);
  }
  const widths = columns.map(widthOf);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [first = '', ...others] = [headings, ...rows].map((_, at) =>
    line(columns.map((cells) => cells[at]!)),
  );
  return [styled('bold', first), ...others].join('\n');
}

import type { ConnectionsIssue } from './connection.ts';
import { ConnectionsFileError, pathOf } from './issues.ts';

/**
 * `JSON.parse` that says where the text is wrong and refuses a name that stands twice in one object,
 * because of two connections with one name the first would vanish without a word.
 * @throws ConnectionsFileError
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConnectionsFileError([syntaxIssue(text, error as SyntaxError)]);
  }
  const issues = duplicateNames(text);
  if (issues.length > 0) throw new ConnectionsFileError(issues);
  return value;
}

function syntaxIssue(text: string, error: SyntaxError): ConnectionsIssue {
  const position = positionIn(error) ?? longestBeginning(text);
  const before = text.slice(0, position).split('\n');
  return {
    path: `the file, line ${before.length}, column ${before.at(-1)!.length + 1}`,
    found:
      position < text.length
        ? `${JSON.stringify(text.charAt(position))}, which is not JSON there`
        : 'the end',
    allowed: 'JSON (RFC 8259), which has neither comments nor trailing commas',
  };
}

/** V8's message quotes the text around the error; only its position is passed on. */
function positionIn({ message }: SyntaxError): number | undefined {
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** Of an unexpected token V8 does not tell the position: it is where the text can no longer become JSON. */
function longestBeginning(text: string): number {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (canBeContinued(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function canBeContinued(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const { message } = error as SyntaxError;
    return message.includes('end of JSON input') || positionIn(error as SyntaxError) === beginning.length;
  }
}

/** Names and structure of a text that is known to be JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

function duplicateNames(text: string): ConnectionsIssue[] {
  const issues: ConnectionsIssue[] = [];
  const open: { names?: Set<string>; key: string | number }[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKEN)) {
    const inner = open.at(-1);
    if (token === '{') open.push({ names: new Set(), key: '' });
    else if (token === '[') open.push({ key: 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && typeof inner?.key === 'number') inner.key++;
    else if (token === ':' && inner?.names) {
      inner.key = JSON.parse(last) as string;
      if (inner.names.has(inner.key)) {
        const path = pathOf(...open.map(({ key }) => key));
        issues.push({ path, found: 'the same name twice in one object', allowed: 'each name once' });
      }
      inner.names.add(inner.key);
    }
    last = token;
  }
  return issues;
}

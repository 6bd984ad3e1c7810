/** The package's reference, `API.md`: what its entry points export, as their declarations and docstrings say it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ENTRIES = [
  { title: '`token-broker`', file: 'shared/client/index.d.ts' },
  { title: '`token-broker/testing`', file: 'shared/client/testing/index.d.ts' },
  { title: '`token-broker/cdk`', file: 'infra/package/cdk.d.ts' },
] as const;

/** @param types folder of the package's declarations */
export function apiPage(types: string): string {
  const sections = ENTRIES.map(({ title, file }) => {
    const entry = readFileSync(join(types, file), 'utf8');
    const [, about = ''] = /^\/\*\*(.*?)\*\//s.exec(entry) ?? [];
    const exports = [...entry.matchAll(/^export (?:type )?\{([^}]+)\} from '([^']+)';/gm)].flatMap(
      ([, names = '', from = '']) => {
        const source = readFileSync(join(types, file, '..', from.replace(/\.[jt]s$/, '.d.ts')), 'utf8');
        return names.split(',').flatMap((each) => {
          const name = each.trim().replace(/^type /, '');
          return name ? [{ name, source }] : [];
        });
      },
    );
    const sorted = exports.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return [`## ${title}`, prose(about), ...sorted.map(section)].join('\n\n');
  });
  return `<!-- Written by npm run api, from the docstrings. -->\n# API\n\n${sections.join('\n\n')}\n`;
}

function section({ name, source }: { name: string; source: string }): string {
  const found = new RegExp(
    String.raw`(?:^/\*\*((?:(?!\*/).)*)\*/\n)?^export (?:declare )?(class|interface|type|function|const) ${name}\b`,
    'ms',
  ).exec(source);
  if (!found) throw new Error(`${name} is exported, but declared nowhere.`);
  const [whole, doc = '', kind = ''] = found;
  const begin = found.index + whole.lastIndexOf('export ');
  const declared = source
    .slice(begin, endOf(source, begin, kind === 'class' || kind === 'interface' ? '}' : ';'))
    .replace(/^export (declare )?/, '');
  const plain = declared.replaceAll(/^ +#private;\n/gm, '').replaceAll(EXAMPLE, '\n$1');
  return [`### ${name}`, prose(doc), `\`\`\`typescript\n${plain.replaceAll(/ +$/gm, '')}\n\`\`\``]
    .filter(Boolean)
    .join('\n\n');
}

/** Examples of members: they are many times as long as what they are of. */
const EXAMPLE = /\n +\* @example\n(?: +\*(?!\/).*\n)*?( +\*(?:\/| @))/g;

/** @param end the brace that closes it, or its semicolon */
function endOf(source: string, begin: number, end: string): number {
  let depth = 0;
  for (let at = begin; at < source.length; at += 1) {
    if (source.startsWith('/*', at)) at = source.indexOf('*/', at) + 2;
    if ('{(['.includes(source[at]!)) depth += 1;
    if ('})]'.includes(source[at]!)) depth -= 1;
    if (depth === 0 && source[at] === end) return at + 1;
  }
  throw new Error('A declaration does not end.');
}

/** A docstring as Markdown: its examples stay, other tags become sentences. */
function prose(doc: string): string {
  const text = doc.replaceAll(/^ *\* ?/gm, '').trim();
  return text
    .replaceAll(/^@example\n/gm, '\n')
    .replaceAll(/^@(param|typeParam) (\w+)(?: -)?/gm, '\n`$2`:')
    .replaceAll(/^@throws (\w+)/gm, '\nThrows `$1`')
    .replaceAll(/^@returns/gm, '\nReturns')
    .trim();
}

import { NAMES } from '../contract/names.ts';
import { show } from './issues.ts';

/** Secrets Manager's own rules for names. */
const NAME = /^[A-Za-z0-9/_+=.@-]{1,512}$/;
const ARN = /^arn:aws(?:-[a-z]+)*:secretsmanager:[a-z0-9-]+:(\d{12}):secret:([A-Za-z0-9/_+=.@-]{1,519})$/;

/** A name or ARN taken apart. */
interface SecretReference {
  /** Known only from an ARN. */
  readonly account?: string;
  /** What the secret may be called: a full ARN ends in `-` and six characters, a partial one does not. */
  readonly names: readonly string[];
}

/** What is wrong with a secret's name or ARN, as found and allowed; `undefined` when nothing. */
export function secretProblem(text: string): { found: string; allowed: string } | undefined {
  if (!parseSecret(text)) {
    return {
      // Not the text itself: it might be the secret's value, in the wrong place.
      found: describe(text),
      allowed: 'a Secrets Manager name (1-512 of A-Z a-z 0-9 / _ + = . @ -) or ARN, never a value',
    };
  }
  // Anywhere in it, because a stage is put before the prefix.
  if (text.includes(NAMES.internalPrefix)) {
    return {
      found: show(text),
      allowed: `any name outside ${NAMES.internalPrefix}, which is the broker's own`,
    };
  }
  return undefined;
}

/** May both name one secret? A region does not tell them apart: replicas share name and value. */
export function maySecretsBeSame(a: string, b: string): boolean {
  const [left, right] = [parseSecret(a), parseSecret(b)];
  if (!left || !right) return a === b;
  if (left.account && right.account && left.account !== right.account) return false;
  return left.names.some((name) => right.names.includes(name));
}

function parseSecret(text: string): SecretReference | undefined {
  if (NAME.test(text)) return { names: [text] };
  const [, account, name] = ARN.exec(text) ?? [];
  if (!account || !name) return undefined;
  const suffixed = /^(.+)-[A-Za-z0-9]{6}$/.exec(name)?.[1];
  return { account, names: suffixed ? [name, suffixed] : [name] };
}

function describe(text: string): string {
  const odd = /[^A-Za-z0-9/_+=.@:-]/u.exec(text)?.[0];
  return `a string of ${text.length} characters${odd ? ` with ${JSON.stringify(odd)} in it` : ''}`;
}

/** The members of Secrets Manager requests, read with the checks that AWS makes. */
import { AwsError } from './errors.ts';
import type { SecretValue } from './secret-versions.ts';
import type { SecretRecord } from './secrets-file.ts';

/** AWS's limit for a value, in bytes. */
const VALUE_LIMIT = 65_536;

/** Reads the members of one request; every reader throws AwsError naming the member that is wrong. */
export interface Input {
  text(member: string): string | undefined;
  texts(member: string): string[] | undefined;
  flag(member: string): boolean;
  integer(member: string, least: number, most: number): number | undefined;
  secretId(): string;
  name(): string;
  /** The id of the version that the request would make, so that a repetition makes no second one. */
  requestToken(): string | undefined;
  stages(): string[] | undefined;
  value(): SecretValue | undefined;
  attributes(): Pick<SecretRecord, 'description' | 'kmsKeyId'>;
  tags(): Record<string, string> | undefined;
  /** Whether a secret of this name is asked for. */
  nameFilter(): (name: string) => boolean;
}

/** @throws AwsError `SerializationException` when the body is not a JSON object */
export function readInput(body: Buffer): Input {
  const members = parse(body);

  function text(member: string): string | undefined {
    const value = members[member];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw invalid(`${member} must be a string`);
    return value;
  }

  function list(member: string): unknown[] | undefined {
    const value = members[member];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) throw invalid(`${member} must be a list`);
    return value;
  }

  function texts(member: string): string[] | undefined {
    return list(member)?.map((item) => {
      if (typeof item !== 'string') throw invalid(`${member} must be a list of strings`);
      return item;
    });
  }

  function required(member: string): string {
    const value = text(member);
    if (value === undefined || value === '') throw invalid(`${member} is required`);
    return value;
  }

  return {
    text,
    texts,
    flag: (member) => members[member] === true,
    integer(member, least, most) {
      const value = members[member];
      if (value === undefined || value === null) return undefined;
      const number = Number(value);
      if (!Number.isInteger(number) || number < least || number > most) {
        throw invalid(`${member} must be an integer from ${least} to ${most}`);
      }
      return number;
    },
    secretId: () => required('SecretId'),
    name() {
      const name = required('Name');
      if (!/^[\w/+=.@-]{1,512}$/.test(name)) {
        throw invalid('Name must be 1 to 512 letters, digits or any of /_+=.@-');
      }
      return name;
    },
    requestToken() {
      const token = text('ClientRequestToken');
      if (token !== undefined && !/^[A-Za-z0-9-]{32,64}$/.test(token)) {
        throw invalid('ClientRequestToken must be 32 to 64 letters, digits or hyphens');
      }
      return token;
    },
    stages() {
      const stages = texts('VersionStages');
      if (stages && (stages.length === 0 || stages.length > 20)) {
        throw invalid('VersionStages must name 1 to 20 staging labels');
      }
      return stages;
    },
    value: () => secretValue(text('SecretString'), text('SecretBinary')),
    attributes() {
      const [description, kmsKeyId] = [text('Description'), text('KmsKeyId')];
      return {
        ...(description === undefined ? {} : { description }),
        ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
      };
    },
    tags: () => tagsOf(list('Tags')),
    nameFilter: () => filterOf(list('Filters') ?? []),
  };
}

function parse(body: Buffer): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8') || '{}');
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new AwsError('SerializationException', 'The body must be a JSON object');
  }
  return parsed as Record<string, unknown>;
}

function secretValue(string: string | undefined, binary: string | undefined): SecretValue | undefined {
  if (string !== undefined && binary !== undefined) {
    throw invalid('Give either SecretString or SecretBinary, not both');
  }
  const size = string === undefined ? Buffer.byteLength(binary ?? '', 'base64') : Buffer.byteLength(string);
  if (size > VALUE_LIMIT) throw invalid(`The secret value is larger than ${VALUE_LIMIT} bytes`);
  if (string !== undefined) return { SecretString: string };
  return binary === undefined ? undefined : { SecretBinary: binary };
}

function tagsOf(list: unknown[] | undefined): Record<string, string> | undefined {
  if (list === undefined) return undefined;
  return Object.fromEntries(
    list.map((tag) => {
      const { Key, Value } = (tag ?? {}) as { Key?: unknown; Value?: unknown };
      if (typeof Key !== 'string' || Key === '') throw invalid('Tags must each have a Key');
      return [Key, typeof Value === 'string' ? Value : ''];
    }),
  );
}

/** Names only: a value matches as a prefix, `!` in front negates it. */
function filterOf(filters: unknown[]): (name: string) => boolean {
  const tests = filters.map((filter) => {
    const { Key, Values } = (filter ?? {}) as { Key?: unknown; Values?: unknown };
    if (Key !== 'name' || !Array.isArray(Values) || !Values.every((value) => typeof value === 'string')) {
      throw invalid('Filters must each have Values and the Key "name"');
    }
    return (name: string) => Values.some((value) => matches(name, value));
  });
  return (name) => tests.every((test) => test(name));
}

function matches(name: string, value: string): boolean {
  return value.startsWith('!') ? !name.startsWith(value.slice(1)) : name.startsWith(value);
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

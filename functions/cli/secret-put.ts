import { readFile } from 'node:fs/promises';
import type { ClientAuthMethod } from '../../shared/connections/connection.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import { isObject } from '../../shared/contract/json.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { parseClient } from '../../shared/oauth/client-secret.ts';
import { type ClientSettings, type SecretOptions, settingsOf } from './client-settings.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { ask, askSecret, choose } from './prompts.ts';
import { kmsKeysOf } from './secret-kms.ts';
import { writeSecret } from './secrets-manager.ts';
import { findTargetToChange, type TargetOptions } from './target.ts';
import { isInteractive, print } from './terminal.ts';

/** Secrets Manager's own limit, in bytes. */
const MAX_SECRET = 65_536;

export async function putAction(connection: string, options: TargetOptions & SecretOptions): Promise<void> {
  const target = await findTargetToChange(options);
  const settings = await settingsOf(target, connection, options);
  const value = process.stdin.isTTY ? await askFor(settings) : parse(await readInput(), settings);
  await check(value, settings);
  const made = await writeSecret(target, settings.secretName, value);
  print(
    `${made ? 'Made' : 'Stored'} ${settings.secretName}. The broker uses it within 5 minutes, at once if the old one is refused.`,
  );
}

async function askFor({
  connection,
  methods,
  kmsAlgorithm,
}: ClientSettings): Promise<Record<string, string>> {
  if (!isInteractive()) throw usage('There is nobody to ask: pipe the secret in as JSON.');
  const method =
    methods.length === 1 ? methods[0]! : await choose(`How does ${connection} prove itself?`, methods);
  const client_id = await ask('client_id');
  if (method === 'none') return { client_id };
  if (method !== 'private_key_jwt') return { client_id, client_secret: await askSecret('client_secret') };
  if (kmsAlgorithm) return { client_id, kms_key_id: await ask('kms_key_id (ID or ARN)') };
  return { client_id, private_key: await readKey(await ask('File of the private key (PEM or JWK)')) };
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw usage(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_SECRET) throw usage(`The input is larger than ${MAX_SECRET} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The parser's own message would quote the secret. */
function parse(text: string, { methods }: ClientSettings): Record<string, unknown> {
  const expected = `JSON such as ${example(methods[0]!)}`;
  if (text.trim() === '') throw usage(`The input is empty: it must be ${expected}.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usage(`The input is not JSON: it must be ${expected}.`);
  }
  if (isObject(value)) return value;
  throw usage(`The input is JSON, but no object: it must be ${expected}.`);
}

function example(method: ClientAuthMethod): string {
  if (method === 'none') return '{"client_id": "…"}';
  return method === 'private_key_jwt'
    ? '{"client_id": "…", "private_key": "…"}'
    : '{"client_id": "…", "client_secret": "…"}';
}

/** As the broker will read it, by the way of authenticating that the connection has or its members suggest. */
async function check(
  value: Record<string, unknown>,
  { methods, secretName, grant, kmsAlgorithm }: ClientSettings,
): Promise<void> {
  const method = methodOf(value, methods);
  try {
    const kms = kmsKeysOf(value, kmsAlgorithm);
    await parseClient(new Redacted(JSON.stringify(value)), method, secretName, grant, { kms });
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new Failure(EXIT.usage, error.message, 'Nothing was stored. Correct it, and put it again.');
  }
}

/** Of the ways that the connection may have, the one that the secret's members are for. */
export function methodOf(value: object, methods: readonly ClientAuthMethod[]): ClientAuthMethod {
  const fits = (method: ClientAuthMethod) => {
    if (method === 'aws_web_identity') return false;
    if (method === 'none')
      return !['client_secret', 'private_key', 'kms_key_id'].some((member) => member in value);
    if (method === 'private_key_jwt') return 'private_key' in value || 'kms_key_id' in value;
    return 'client_secret' in value;
  };
  return methods.find(fits) ?? methods[0]!;
}

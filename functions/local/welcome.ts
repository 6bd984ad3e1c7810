/** What the local program prints when it is ready: where it is, and how to get a token, ready to paste. */
import { authorizer } from '../../shared/broker/authorize.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import { type Connection, isForItself } from '../../shared/connections/connection.ts';
import { FUNCTIONS } from '../../shared/contract/names.ts';
import { identityOf, LOCAL_ACCOUNT, LOCAL_KEY_ID, LOCAL_REGION } from './identities.ts';

export interface Welcome {
  /** Of the HTTPS routes. */
  readonly url: string;
  readonly awsUrl: string;
  /** Address of the console, with its key. */
  readonly console: string;
  /** The secret of every key id. */
  readonly key: string;
  readonly connections: ReadonlyMap<string, Connection>;
  /** Where secrets and tokens are: a folder, or another endpoint. */
  readonly kept: string;
  /** Origins of the simulated vendors, by name; absent when the connections are the user's own. */
  readonly vendors?: Readonly<Record<string, string>>;
  /** Seconds that the start took. */
  readonly seconds: number;
}

export function welcome(about: Welcome): string {
  const all = [...about.connections.values()].sort((a, b) => rank(a) - rank(b));
  const keyIdOf = keyIds(about.connections);
  const stored = all.find(({ webIdentity }) => webIdentity === undefined);
  const asked = all.find(keyIdOf);
  const invoked = all.find(({ directInvoke }) => directInvoke);
  const parts = [
    places(about),
    !about.vendors && stored && secretHint(about, stored),
    asked && curl(about, asked, keyIdOf(asked)!),
    all.length > 0 && !asked && NOBODY,
    ...(invoked ? [cli(about, invoked), sdk(about, invoked)] : []),
  ];
  return `${parts.filter((part) => typeof part === 'string').join('\n\n')}\n\nCtrl+C stops it.\n`;
}

/** Those that give a token at once come first, and of them those that can be asked in each of the three ways. */
function rank({ grant, directInvoke }: Connection): number {
  return (isForItself(grant) ? 0 : 2) + (directInvoke ? 0 : 1);
}

const NOBODY = `No connection admits a caller of this machine: its keys are arn:aws:iam::${LOCAL_ACCOUNT}:user/${LOCAL_KEY_ID} and
arn:aws:iam::${LOCAL_ACCOUNT}:role/NAME. Put one of these among "callers" to get tokens here.`;

/** A key id of this machine that may have tokens of a connection, where there is one. */
function keyIds(connections: Welcome['connections']): (connection: Connection) => string | undefined {
  const { permits } = authorizer(connections);
  return (connection) => {
    const roles = (connection.callers ?? []).flatMap(({ principal }) => {
      const name = /^arn:aws:iam::\d{12}:role\/(?:.*\/)?([^/]+)$/.exec(principal)?.[1];
      return name === undefined ? [] : [`role-${name.replaceAll('*', 'x')}`];
    });
    return [LOCAL_KEY_ID, ...roles].find((keyId) => {
      const { arn = '' } = identityOf(keyId) ?? {};
      return permits(httpsCaller(arn), connection, 'token', { scopes: connection.scope });
    });
  };
}

function places({ url, awsUrl, console, key, connections, kept, vendors, seconds }: Welcome): string {
  const lines = [
    `The token broker is ready (${seconds.toFixed(1)} s).`,
    '',
    `  Routes       ${url}   signed with SigV4: service execute-api, region ${LOCAL_REGION}`,
    `  AWS          ${awsUrl}   Lambda Invoke, DynamoDB, Secrets Manager, KMS, STS`,
    `  Console      ${console}`,
    `  Keys         key id ${LOCAL_KEY_ID} (a user) or role-NAME (a role); the secret of all is ${key}`,
    `  Kept in      ${kept}`,
    `  Connections  ${wrap([...connections.keys()])}`,
  ];
  const simulated = Object.entries(vendors ?? {}).map(([name, origin]) => `${name} ${origin}`);
  if (simulated.length > 0) lines.push(`  Simulated    ${wrap(simulated)}`);
  return lines.join('\n');
}

function wrap(items: readonly string[]): string {
  const lines = [''];
  for (const item of items) {
    const last = lines.at(-1)!;
    const longer = last === '' ? item : `${last}, ${item}`;
    if (longer.length <= 90 || last === '') lines[lines.length - 1] = longer;
    else lines.push(item);
  }
  return lines.join(`,\n${' '.repeat(15)}`);
}

function awsEnvironment({ awsUrl, key }: Welcome): string {
  return (
    `AWS_ACCESS_KEY_ID=${LOCAL_KEY_ID} AWS_SECRET_ACCESS_KEY=${key} AWS_DEFAULT_REGION=${LOCAL_REGION} \\\n` +
    `  AWS_ENDPOINT_URL=${awsUrl}`
  );
}

function secretHint(about: Welcome, example: Connection): string {
  return `Give a connection its secret (once):

${awsEnvironment(about)} \\
  aws secretsmanager create-secret --name ${example.secret} \\
  --secret-string '{"client_id":"…","client_secret":"…"}'`;
}

function curl({ url, key }: Welcome, { name }: Connection, keyId: string): string {
  return `Get a token with curl (curl 7.88 and older sign encoded paths and unsorted queries wrongly):

curl -sS --aws-sigv4 aws:amz:${LOCAL_REGION}:execute-api --user ${keyId}:${key} \\
  -H 'content-type: application/json' -d '{}' ${url}/connections/${name}/token`;
}

function cli(about: Welcome, { name }: Connection): string {
  return `… with the AWS CLI (it exits 0 even when the function fails: look for "FunctionError"):

${awsEnvironment(about)} \\
  aws lambda invoke --function-name ${FUNCTIONS.invoke.name} --qualifier ${name} /dev/stdout`;
}

function sdk({ awsUrl, key }: Welcome, { name }: Connection): string {
  return `… with the AWS SDK:

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
const lambda = new LambdaClient({ region: '${LOCAL_REGION}', endpoint: '${awsUrl}',
  credentials: { accessKeyId: '${LOCAL_KEY_ID}', secretAccessKey: '${key}' } });
const { FunctionError, Payload } = await lambda.send(
  new InvokeCommand({ FunctionName: '${FUNCTIONS.invoke.name}', Qualifier: '${name}', Payload: '{}' }));
console.log(FunctionError ?? 'success', JSON.parse(Payload.transformToString()));`;
}

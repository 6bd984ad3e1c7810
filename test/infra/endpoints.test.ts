/** The endpoints that a deployed function asks, by the hosts that it looks up. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLE_FILE, bundle } from '../../infra/bundling/bundle.ts';
import { CONNECTIONS_FILE, ENVIRONMENT } from '../../shared/contract/names.ts';
import { EVENT } from '../bench/deployed.ts';
import { connectionsBeside } from '../support/connections-beside.ts';

const run = promisify(execFile);

/** Finds no host, and says which were looked for. */
const PRELOAD = `
  const dns = require('node:dns');
  dns.lookup = (host, options, done) => {
    process.stderr.write(host + '\\n');
    done(Object.assign(new Error('not here'), { code: 'ENOTFOUND' }));
  };`;
const CALL = `
  const context = { awsRequestId: 'id', functionName: 'https', getRemainingTimeInMillis: () => 5_000 };
  require('./${BUNDLE_FILE}').handler(${JSON.stringify(EVENT)}, context).then(() => process.exit());`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'endpoints-'));
  const service = { vendor: 'bugsplat', scope: 'symbols' };
  await Promise.all([
    writeFile(join(folder, BUNDLE_FILE), bundle('token-https').code),
    writeFile(join(folder, CONNECTIONS_FILE), connectionsBeside({ service })),
    writeFile(join(folder, 'preload.cjs'), PRELOAD),
    writeFile(join(folder, 'call.cjs'), CALL),
  ]);
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ['by default', {}, 'dynamodb.us-east-1.amazonaws.com', 'secretsmanager.us-east-1.amazonaws.com'],
  [
    'in China',
    { AWS_REGION: 'cn-north-1' },
    'dynamodb.cn-north-1.amazonaws.com.cn',
    'secretsmanager.cn-north-1.amazonaws.com.cn',
  ],
  [
    'in GovCloud',
    { AWS_REGION: 'us-gov-west-1' },
    'dynamodb.us-gov-west-1.amazonaws.com',
    'secretsmanager.us-gov-west-1.amazonaws.com',
  ],
  [
    'under FIPS 140',
    { AWS_USE_FIPS_ENDPOINT: 'true' },
    'dynamodb-fips.us-east-1.amazonaws.com',
    'secretsmanager-fips.us-east-1.amazonaws.com',
  ],
  [
    'under a value that says neither true nor false',
    { AWS_USE_FIPS_ENDPOINT: 'perhaps' },
    'dynamodb.us-east-1.amazonaws.com',
    'secretsmanager.us-east-1.amazonaws.com',
  ],
  [
    // The name of Secrets Manager has both kinds of address.
    'by IPv6 as well',
    { AWS_USE_DUALSTACK_ENDPOINT: 'true' },
    'dynamodb.us-east-1.api.aws',
    'secretsmanager.us-east-1.amazonaws.com',
  ],
  [
    'where one service stands elsewhere',
    { AWS_ENDPOINT_URL_DYNAMODB: 'https://here.example' },
    'here.example',
    'secretsmanager.us-east-1.amazonaws.com',
  ],
  [
    'where both stand elsewhere',
    {
      AWS_ENDPOINT_URL: 'https://secrets.example',
      AWS_ENDPOINT_URL_DYNAMODB: 'https://here.example',
    },
    'here.example',
    'secrets.example',
  ],
])('%s a function asks the endpoints that AWS names', async (_, variables, ...hosts) => {
  expect(await hostsAskedUnder(variables)).toEqual(hosts);
});

async function hostsAskedUnder(variables: Record<string, string>): Promise<readonly string[]> {
  const own = Object.values(ENVIRONMENT).map((name) => [name, name === ENVIRONMENT.shards ? '1' : 'test']);
  const env = {
    ...Object.fromEntries(own),
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    ...variables,
  };
  const { stderr } = await run(process.execPath, ['-r', './preload.cjs', './call.cjs'], { cwd: folder, env });
  return [...new Set(stderr.trim().split('\n'))].sort();
}

import { createPublicKey } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkTokens } from '../../functions/cli/doctor/tokens.ts';
import type { Target } from '../../functions/cli/target.ts';
import { openSecretsFile } from '../../functions/local/emulator/secrets-file.ts';
import { TokenBrokerError } from '../../shared/client/errors.ts';
import { startHttpPeer } from '../support/http-peer.ts';
import { ownBroker } from './own-broker.ts';
import { cli, golden } from './support.ts';

const context = ownBroker();
const run = cli(() => context.broker);

describe('connections', () => {
  test('is a table', async () => {
    await run(['token', 'crash']);
    const { stdout } = await run(['connections'], { environment: { AWS_ACCESS_KEY_ID: 'role-other' } });
    expect(golden(stdout)).toMatch(
      /^CONNECTION {2}VENDOR {2}GRANT {2}STATE {2}EXPIRES {2}LAST REFRESH {2}LAST FAILURE\n/,
    );
    expect(golden(stdout)).toContain('\ncrash  bugsplat  client_credentials  ready  in TIME  TIME ago  -\n');
    expect(stdout).not.toContain('guarded');
  });

  test('is JSON for scripts', async () => {
    const { connections } = JSON.parse((await run(['connections', '--json'])).stdout);
    expect(connections[0]).toMatchObject({
      connection: 'crash',
      vendor: 'bugsplat',
      api_hosts: expect.any(Array),
    });
  });

  test('does not tell a forbidden connection from a missing one', async () => {
    const [forbidden, missing] = await Promise.all([run(['token', 'guarded']), run(['token', 'guardet'])]);
    expect(forbidden).toMatchObject({ code: 3, stdout: '' });
    expect(forbidden.stderr).toBe(missing.stderr);
    expect(await run(['token', 'guarded'], { environment: { AWS_ACCESS_KEY_ID: 'role-ci' } })).toMatchObject({
      code: 0,
    });
  });
});

describe('secret put', () => {
  const canary = 'canary-4711';

  test.each([
    ['', /input is empty: it must be JSON such as/],
    [`{"client_secret": "${canary}`, /is not JSON/],
    [`["${canary}"]`, /no object/],
    [`{"client_id": "a", "client_secret": "${canary}\\n"}`, /client_secret holds a line break/],
    [`{"client_secret": "${canary}"}`, /client_id is missing/],
    [`{"client_id": "a", "private_key": "${canary}"}`, /client_secret is missing/],
    [`{"client_id": "a", "kms_key_id": "${canary}"}`, /client_secret is missing/],
  ])('refuses %j, stores nothing, and quotes nothing', async (input, message) => {
    const ended = await run(['secret', 'put', 'crash'], { input });
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(ended.stderr).not.toContain(canary);
    expect(await run(['token', 'crash'])).toMatchObject({ code: 0 });
  });

  test('takes no value from the command line', async () => {
    const ended = await run(['secret', 'put', 'crash', '--client-secret', canary]);
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/unknown option '--client-secret'/),
    });
  });

  test('reads the secret’s name and shape from a connections file, with every mistake in it', async () => {
    const input = JSON.stringify({ client_id: 'a', client_secret: 'b' });
    const wrong = join(context.folder, 'wrong.json');
    await writeFile(wrong, '{"connections":{"a":{"vendor":"bugsplot"},"b":{"vendor":"bits","grunt":1}}}');
    const broken = await run(['secret', 'put', 'a', '--connections', wrong], { input });
    expect(broken).toMatchObject({ code: 2, stderr: expect.stringMatching(/bugsplot.*grunt/s) });
    const misspelt = await run(['secret', 'put', 'crush', '--connections', context.file], { input });
    expect(misspelt).toMatchObject({ code: 2, stderr: expect.stringMatching(/did you mean "crash"/) });
    const absent = await run(['secret', 'put', 'a', '--connections', '/nowhere.json'], { input });
    expect(absent).toMatchObject({ code: 2, stderr: expect.stringMatching(/ENOENT/) });
  });
});

describe('secret keygen', () => {
  test('stores the private half, prints the public one, and the vendor takes what it signs', async () => {
    const { 'bugfender-key': client } = await context.vendors.bugfender.clientSecrets();
    const { client_id } = client as unknown as { client_id: string };
    const made = await run(['secret', 'keygen', 'jobs', '--client-id', client_id]);
    expect(made).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/private key is in token-broker\/jobs/),
    });
    expect(made.stdout + made.stderr).not.toContain('PRIVATE');
    expect(createPublicKey(made.stdout).asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 });
    const again = await run(['secret', 'keygen', 'jobs']);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/--replace/) });
    const replaced = await run([
      'secret',
      'keygen',
      'jobs',
      '--replace',
      '--jwk',
      '--bits',
      '3072',
      '--key-id',
      'k1',
    ]);
    const jwk = JSON.parse(replaced.stdout);
    expect(jwk).toMatchObject({ kty: 'RSA', alg: 'RS256', kid: 'k1' });
    expect(jwk).not.toHaveProperty('d');
  });

  test('--next keeps the key that signs, and --promote lets the next one sign, of the same kind and under its own name', async () => {
    const own = ['--secret', 'token-broker/rotating'];
    const keygen = (...more: string[]) => run(['secret', 'keygen', 'jobs', ...own, '--jwk', ...more]);
    const stored = async () => {
      const secrets = await openSecretsFile(join(context.broker.data, 'secrets.json'));
      const versions = Object.values(secrets.read().get('token-broker/rotating')!.versions);
      const { value } = versions.find(({ stages }) => stages.includes('AWSCURRENT'))!;
      return JSON.parse((value as { SecretString: string }).SecretString);
    };
    expect(await keygen('--next')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no key that another could follow.*secret keygen jobs/s),
    });
    await keygen('--client-id', 'a', '--alg', 'PS256', '--bits', '3072', '--key-id', 'k1');
    expect(await keygen('--promote')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no next key/),
    });
    const { private_key: signing } = await stored();

    const next = await keygen('--next', '--key-id', 'k2');
    expect(next).toMatchObject({ code: 0, stderr: expect.stringMatching(/keygen jobs --promote/) });
    const jwk = JSON.parse(next.stdout);
    expect(jwk).toMatchObject({ kty: 'RSA', alg: 'PS256', kid: 'k2' });
    expect(Buffer.from(jwk.n, 'base64url')).toHaveLength(384);
    expect(jwk).not.toHaveProperty('d');
    expect(await stored()).toMatchObject({ private_key: signing, key_id: 'k1', next_key_id: 'k2' });
    expect(await keygen('--next')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--next --replace/),
    });

    const { next_private_key: coming } = await stored();
    expect(await keygen('--promote')).toMatchObject({ code: 0, stdout: '' });
    expect(await stored()).toEqual({ client_id: 'a', private_key: coming, key_id: 'k2' });
    await keygen('--next');
    await keygen('--replace');
    expect(Object.keys(await stored())).toEqual(['client_id', 'private_key']);
    expect(await keygen('--next', '--promote')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/cannot be used with/),
    });
    expect(await run(['secret', 'keygen', 'vault', '--next', '--connections', context.file])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/a key in KMS.*signing_alg/s),
    });
  });

  test.each([
    ['PS256', { kty: 'RSA' }],
    ['ES256', { kty: 'EC', crv: 'P-256' }],
    ['ES384', { kty: 'EC', crv: 'P-384' }],
    ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
  ])('makes a key for %s', async (alg, kind) => {
    const options = [
      '--secret',
      `token-broker/${alg.toLowerCase()}`,
      '--client-id',
      'a',
      '--alg',
      alg,
      '--jwk',
    ];
    const made = await run(['secret', 'keygen', 'jobs', ...options]);
    expect(JSON.parse(made.stdout)).toMatchObject({ ...kind, alg, use: 'sig' });
  });

  test('--kms has KMS make it, and the vendor takes what KMS signs', async () => {
    const connections = ['--connections', context.file];
    const made = await run(['secret', 'keygen', 'vault', '--client-id', 'vault', ...connections]);
    expect(made).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/stays there; token-broker\/vault names it.*"alg": "RS256"/s),
    });
    expect(made.stdout).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    context.vendors.bugfender.registerClient({
      clientId: 'vault',
      publicKey: made.stdout,
      grants: ['client_credentials'],
      scopes: ['all'],
    });
    expect(await run(['token', 'vault'])).toMatchObject({ code: 0 });
    const examined = await run(['doctor', 'vault', ...connections]);
    expect(examined.stdout).toContain('✔ secret of vault: KMS has the key, RSA_2048: nobody can take it');

    // The same key as long as nobody asks for another, also where nothing but the secret says that there is one.
    const again = await run(['secret', 'keygen', 'vault', '--kms', '--jwk', '--key-id', 'k1']);
    expect(createPublicKey({ key: JSON.parse(again.stdout), format: 'jwk' })).toEqual(
      createPublicKey(made.stdout),
    );
    const other = await run(['secret', 'keygen', 'vault', '--kms', '--replace', '--alg', 'ES256', '--jwk']);
    expect(JSON.parse(other.stdout)).toMatchObject({ kty: 'EC', alg: 'ES256' });
    expect((await run(['doctor', 'vault', ...connections])).stdout).toMatch(
      /✘ secret of vault: the KMS key \S+, ECC_NIST_P256, does not sign by RS256\n.*signing_alg/,
    );
    expect(await run(['secret', 'keygen', 'vault', '--kms', '--replace', '--alg', 'EdDSA'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--alg RS256\|PS256\|ES256\|ES384/),
    });
  });

  test.each(['put', 'keygen'])('%s stores nothing where AWS vouches', async (command) => {
    const input = '{"client_id": "a", "client_secret": "b"}';
    for (const more of [[], ['--connections', context.file]])
      expect(await run(['secret', command, 'vouched', ...more], { input })).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/vouched has no secret: AWS vouches for the broker/),
      });
    expect((await run(['doctor', 'vouched'])).stdout).toContain(
      '✔ secret of vouched: no secret: AWS vouches for the broker',
    );
  });

  test('makes no key for a connection that has no use for one, and leaves its secret alone', async () => {
    const ended = await run(['secret', 'keygen', 'crash', '--client-id', 'a']);
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/proves itself by client_secret_post/),
    });
    expect(await run(['token', 'crash'])).toMatchObject({ code: 0 });
  });

  test('asks for the client’s id where there is nobody to ask', async () => {
    const ended = await run(['secret', 'keygen', 'jobs', '--secret', 'token-broker/none']);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(/--client-id ID/) });
  });
});

test('grants are listed, for people and for programs', async () => {
  expect(await run(['grants', 'person'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('token-broker connect person'),
  });
  const { stdout } = await run(['grants', 'person', '--json']);
  expect(JSON.parse(stdout)).toEqual({ grants: [] });
  expect(await run(['grants', 'crash'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('acts for itself'),
  });
});

describe('doctor', () => {
  test('ticks what is well', async () => {
    const { code, stdout } = await run(['doctor', 'crash']);
    // Which of the two depends on how long ago an earlier test had one.
    const told = stdout.replace(
      'the broker gives one; the vendor was asked a moment ago',
      'the vendor gives one',
    );
    expect(golden(told)).toBe(`✔ credentials: key id local of the local broker
✔ region: us-east-1
✔ broker: http://127.0.0.1:PORT answers; 1 connections
– connections file: pass --connections FILE to compare it with what is deployed
✔ secret of crash: token-broker/crash: fits client_secret_post
✔ vendor host 127.0.0.1:PORT: reachable from here, clocks agree
✔ token of crash: the vendor gives one
– tables: time to live and point-in-time recovery are not applicable locally
– sweep schedule: the local program sweeps by itself (--sweep-every)
✔ sealing keyring: token-broker-internal/sealing-keyring has a value

All is well.
`);
    expect(code).toBe(0);
  });

  test('tells what mends the rest, and ends with 1', async () => {
    const other = join(context.folder, 'other.json');
    const peer = await startHttpPeer();
    const closed = peer.host;
    await peer.close();
    const crash = { vendor: 'bugsplat', base_url: `http://${closed}`, scope: 'restricted' };
    await writeFile(
      other,
      JSON.stringify({ connections: { crash, fresh: { vendor: 'bits', scope: 'application' } } }),
    );
    onTestFinished(() => rm(other));
    const { code, stdout } = await run(['doctor', '--connections', other, '--json']);
    const { findings } = JSON.parse(stdout) as {
      findings: { check: string; status: string; detail: string }[];
    };
    const problems = findings
      .filter(({ status }) => status === 'problem')
      .map(({ check, detail }) => `${check}: ${detail}`);
    expect(problems).toContain('connections file: fresh is not deployed, or you may not read it');
    expect(problems).toContain(
      'connections file: crash.scope is "restricted" in the file, "symbols" deployed',
    );
    expect(problems).toContain(`vendor host ${closed}: cannot be reached from here (ECONNREFUSED)`);
    expect(code).toBe(1);
  });

  test('advises what would be safer, which is nothing to mend', async () => {
    const ended = await run(['doctor', 'jobs', '--connections', context.file, '--json']);
    const { findings } = JSON.parse(ended.stdout) as { findings: { check: string; status: string }[] };
    expect(findings.find(({ check }) => check === 'client of jobs')).toMatchObject({
      status: 'advice',
      fix: expect.stringContaining('"signing": "kms"'),
    });
    const problems = findings.filter(({ status }) => status === 'problem');
    expect(ended.code).toBe(problems.length > 0 ? 1 : 0);
  });

  test('asks for a new token, which a kept one does not hide, and sends nobody back to itself', async () => {
    const asked: unknown[] = [];
    const api = async (...request: unknown[]) => {
      asked.push(request);
      throw new TokenBrokerError('vendor_rejected', 'It refused.');
    };
    const listed = [{ connection: 'crash', vendor: 'bugsplat', grant_type: 'client_credentials' }];
    const [finding] = await checkTokens({ target: { api } as unknown as Target, listed, file: undefined });
    expect(asked).toEqual([['POST', '/connections/crash/token', { min_ttl: 86_400 }]]);
    expect(finding).toMatchObject({
      status: 'problem',
      detail: 'It refused.',
      fix: expect.stringMatching(/^token-broker secret put crash /),
    });
  });

  test('shows what nothing can be checked without as a check, and stops there', async () => {
    const ended = await run(['doctor', '--endpoint', 'http://127.0.0.1:9']);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(ended.stdout).toMatch(/✘ broker: .*\n {4}fix: Is it running/);
    expect(ended.stdout).toMatch(/\n1 to mend\.\n$/);
  });

  test('tells a connection that is not there as every command does', async () => {
    const ended = await run(['doctor', 'crush']);
    expect(ended).toMatchObject({ code: 3 });
  });
});

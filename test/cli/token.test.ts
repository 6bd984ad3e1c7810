import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { program } from '../../functions/cli/program.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { cli, environmentOf, MAIN, start } from './support.ts';

let broker: LocalBrokerProcess;
beforeAll(async () => {
  broker = await startLocalBrokerProcess();
});
afterAll(() => broker.dispose());
const run = cli(() => broker);

describe('token', () => {
  test('prints the token alone, as a header, or the whole answer', async () => {
    const [plain, header, json] = await Promise.all([
      run(['token', 'crash-symbols']),
      run(['token', 'crash-symbols', '--header']),
      run(['token', 'crash-symbols', '--json']),
    ]);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(header.stdout).toBe(`Authorization: Bearer ${plain.stdout}`);
    const answer = JSON.parse(json.stdout);
    expect(`${answer.access_token}\n`).toBe(plain.stdout);
    expect(answer).toMatchObject({ token_type: 'Bearer', expires_in: expect.any(Number) });
  });

  test('passes scope and claims on', async () => {
    const params = ['application_id=1', 'workflow_id=2', 'redirect_url=https://example.com/?a=b'];
    const { stdout } = await run([
      'token',
      'onboarding',
      '--json',
      '--scope',
      'application.session',
      ...params.flatMap((param) => ['--param', param]),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ scope: 'application.session' });
  });

  test('tells a warning beside the token', async () => {
    // The first one forces a mint; the second comes too soon for another.
    await run(['token', 'crash-symbols', '--min-ttl', '86400']);
    const { code, stdout, stderr } = await run(['token', 'crash-symbols', '--min-ttl', '86400']);
    expect([code, stdout.trim() !== '']).toEqual([0, true]);
    expect(stderr).toMatch(/^warning: /);
  });
});

describe('exec', () => {
  const show = ['sh', '-c', 'test -n "$ACCESS_TOKEN" && echo has-token; exit 7'];

  test('runs the command with the token, prints nothing itself, and ends as it ends', async () => {
    const { code, stdout, stderr } = await run(['exec', 'crash-symbols', '--', ...show]);
    expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: 'has-token\n', stderr: '' });
  });

  test.skipIf(!existsSync('/proc/self/cmdline'))('shows the token in no process list', async () => {
    const show = [
      'sh',
      '-c',
      'printf "%s\\n" "$ACCESS_TOKEN"; cat /proc/$$/cmdline /proc/$PPID/cmdline | tr "\\0" " "',
    ];
    const { stdout } = await run(['exec', 'crash-symbols', '--', ...show]);
    const [token = '', ...lists] = stdout.split('\n');
    expect(token.length).toBeGreaterThan(20);
    expect(lists.join()).toContain('exec crash-symbols');
    expect(lists.join()).not.toContain(token);
  });

  test('names the variable as it is told, and leaves the command’s own options alone', async () => {
    const { stdout } = await run([
      'exec',
      'crash-symbols',
      '--env',
      'T',
      '--',
      'sh',
      '-c',
      'test -n "$T" && echo $0 set',
      '--json',
    ]);
    expect(stdout).toBe('--json set\n');
  });

  test('passes signals on, and ends as shells do', async () => {
    const running = start(environmentOf(broker), [
      'exec',
      'crash-symbols',
      '--',
      'sh',
      '-c',
      'echo up >&2; exec sleep 60',
    ]);
    await running.said(/up/);
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 128 + 15 });
  });

  test.each([
    ['/nowhere/program', 127, 'ENOENT'],
    ['/', 126, 'EACCES'],
  ])('tells that %s cannot be run', async (program, code, reason) => {
    const ended = await run(['exec', 'crash-symbols', '--', program]);
    expect(ended).toMatchObject({
      code,
      stdout: '',
      stderr: expect.stringContaining(`cannot be run (${reason})`),
    });
  });
});

describe('what goes wrong is told on stderr, with the next step and an exit code', () => {
  const unused = { url: 'http://127.0.0.1:1', awsUrl: 'http://127.0.0.1:1' };

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    [
      'a misspelt connection',
      ['token', 'crash-symbls'],
      {},
      2,
      /no connection "crash-symbls".*\nnext: .*did you mean "crash-symbols"\?/,
    ],
    ['a name that none can have', ['token', '../health'], {}, 2, /CONNECTION is "\.\.\/health"/],
    [
      'a consent that is needed',
      ['token', 'research-user', '--subject', 'alice'],
      {},
      4,
      /token-broker connect research-user/,
    ],
    [
      'a scope outside the connection’s',
      ['token', 'crash-symbols', '--scope', 'all'],
      {},
      2,
      /Allowed: symbols/,
    ],
    [
      'a wrong Region',
      ['token', 'crash-symbols', '--region', 'eu-west-1'],
      {},
      3,
      /region eu-west-1; here it is us-east-1/,
    ],
    [
      'a broker that is not there',
      ['token', 'crash-symbols'],
      { TOKEN_BROKER_ENDPOINT: unused.url },
      5,
      /cannot be reached.*\nnext: /,
    ],
    [
      'an endpoint in plain text',
      ['token', 'x', '--endpoint', 'http://broker.example.com'],
      {},
      2,
      /must be an https URL/,
    ],
    [
      'an unknown option',
      ['token', 'x', '--scpe', 'y'],
      {},
      2,
      /unknown option '--scpe'\n\(Did you mean --scope\?\)/,
    ],
    [
      'two brokers at once',
      ['token', 'x', '--local', '--stack', 'token-broker'],
      {},
      2,
      /cannot be used with/,
    ],
    [
      'a stack’s impossible name',
      ['token', 'x', '--stack', 'other'],
      {},
      2,
      /token-broker, or STAGE-token-broker/,
    ],
    ['an unfit parameter', ['token', 'x', '--param', 'a'], {}, 2, /NAME=VALUE/],
    ['a missing argument', ['token'], {}, 2, /missing required argument 'connection'/],
    ['an unknown command', ['tokens', 'x'], {}, 2, /unknown command 'tokens'\n\(Did you mean token\?\)/],
  ])('%s', async (_, args, environment, code, message) => {
    const ended = await run(args, { environment });
    expect(ended.stderr).toMatch(message);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });

  test('no AWS credentials for a deployed broker', async () => {
    const environment = {
      ...environmentOf(),
      HOME: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
      TOKEN_BROKER_ENDPOINT: 'https://abc.execute-api.eu-west-1.amazonaws.com',
    };
    const ended = await start(environment, ['token', 'crash-symbols']).ended;
    expect(ended).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/No AWS credentials.*AWS_PROFILE/),
    });
  });

  test('no Region to look for a stack in', async () => {
    const ended = await start(environmentOf(), ['token', 'crash-symbols', '--stack', 'token-broker']).ended;
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/No AWS Region.*\nnext: {2}token-broker dev/),
    });
  });

  test('the operator’s own keys are not shown to whatever listens on this machine', async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: 'AKIAREAL',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_SESSION_TOKEN: 'real',
    };
    expect(await run(['token', 'crash-symbols'], { environment })).toMatchObject({ code: 0 });
  });
});

describe('the command line', () => {
  test('may say which broker before the command, and not two different ones', async () => {
    const nowhere = { environment: { TOKEN_BROKER_ENDPOINT: 'http://127.0.0.1:9' } };
    const early = await run(['--endpoint', broker.url, 'token', 'crash-symbols', '--header'], nowhere);
    expect(early).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Authorization/) });
    const two = await run(['--endpoint', broker.url, 'revoke', 'research-user', '--local']);
    expect(two).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--endpoint and --local name different/),
    });
    const none = await run(['--local', 'completion', 'bash']);
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/asks no broker, which --local is for/),
    });
  });

  test.each<[string[], object]>([
    [
      ['token', 'nowhere', '--json'],
      { code: 'unknown_connection', next: 'token-broker connections', exit_code: 2 },
    ],
    [['token', '--json', '--wrong'], { message: "unknown option '--wrong'", exit_code: 2 }],
    [['token', 'research-user', '--json'], { code: 'consent_required', exit_code: 4 }],
  ])('%j is told as JSON', async (args, error) => {
    const { code, stdout, stderr } = await run(args);
    expect(JSON.parse(stderr)).toEqual({ error: expect.objectContaining(error) });
    expect([code, stdout]).toEqual([(error as { exit_code: number }).exit_code, '']);
  });

  test('ends quietly when nobody reads on', () => {
    const { stderr } = spawnSync('sh', ['-c', `'${process.execPath}' '${MAIN}' --help | true`], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
  });
});

describe('--help', () => {
  const ASKING_NO_BROKER = ['completion', 'dev', 'init', 'new'];
  const commands = (parent: Command): Command[] => [parent, ...parent.commands.flatMap(commands)];

  test('of every command has examples', () => {
    for (const command of commands(program('1')).filter(({ commands }) => commands.length === 0)) {
      let shown = '';
      command.configureOutput({ writeOut: (text) => (shown += text) }).outputHelp();
      expect(shown).toMatch(/\nExamples:\n {2}(?:eval "\$\()?token-broker/);
      // What is verified is a deployed stack.
      const located = command.name() === 'verify' ? '--stack <name>' : '--endpoint <url>';
      if (!ASKING_NO_BROKER.includes(command.name())) expect(shown).toContain(located);
    }
  });

  test('of all documents the exit codes', async () => {
    expect((await run(['--help'])).stdout).toMatch(/Exit codes:\n {2}0 +done/);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConnections } from '../../infra/connections-file.ts';
import { OperatorError } from '../../infra/operator-error.ts';
import { Stage } from '../../infra/stage.ts';

const folder = mkdtempSync(join(tmpdir(), 'connections-'));
afterAll(() => rmSync(folder, { recursive: true }));

const BITS = { vendor: 'bits', scope: 'application' };
const plain = new Stage(undefined);
const RECIPES = 'shared/vendors/recipes';
const isJson = (name: string) => name.endsWith('.json');

function files(contents: Record<string, unknown>): string {
  const path = mkdtempSync(join(folder, 'teams-'));
  for (const [name, content] of Object.entries(contents)) {
    writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return path;
}

describe('a folder of connections files', () => {
  test('is read as one, whoever owns which', () => {
    const path = files({
      'a.json': { connections: { one: BITS } },
      'b.json': { $schema: './schema.json', connections: { two: { ...BITS, owner: 'b' } } },
      'README.md': 'not connections',
    });
    expect(loadConnections(path, plain).map(({ name }) => name)).toEqual(['one', 'two']);
  });

  test('may not have one name twice: both files are named', () => {
    const path = files({
      'a.json': { connections: { one: BITS } },
      'b.json': { connections: { one: BITS } },
    });
    expect(() => loadConnections(path, plain)).toThrow(/b\.json: .*connections\.one.*a\.json has already/s);
  });

  test.each([
    ['by its default name', 'token-broker/one'],
    ['by ARN', 'arn:aws:secretsmanager:us-east-1:111122223333:secret:token-broker/one-AbCdEf'],
  ])("may not name another file's secret (%s): it would be sent where that file says", (_, secret) => {
    const path = files({
      'a.json': { connections: { one: BITS } },
      'b.json': {
        connections: { two: { ...BITS, secret, callers: [{ principal: 'arn:aws:iam::111122223333:root' }] } },
      },
    });
    expect(() => loadConnections(path, plain)).toThrow(
      /b\.json: .*connections\.two\.secret.*"one".*a\.json has/s,
    );
  });

  test('may not name another file’s client that has no secret: AWS vouches for both alike', () => {
    const client = { vendor: 'custom', issuer: 'https://as.example', client_auth: 'aws_web_identity' };
    const second = (client_id: string) =>
      files({
        'a.json': { connections: { one: { ...client, client_id: 'x' } } },
        'b.json': { connections: { two: { ...client, client_id } } },
      });
    expect(() => loadConnections(second('x'), plain)).toThrow(
      /b\.json: .*connections\.two\.client_id.*"one".*a client that no other file/s,
    );
    expect(loadConnections(second('y'), plain)).toHaveLength(2);
  });

  test('names the file that is wrong, and every mistake in it', () => {
    const path = files({
      'a.json': { connections: { one: BITS } },
      'b.json': { connections: { two: { vendor: 'bit' }, three: { vendor: 'bugsplat', scope: 'all' } } },
    });
    expect(() => loadConnections(path, plain)).toThrow(
      /b\.json: The connections file has 2 mistakes:.*two\.vendor.*three\.scope/s,
    );
  });

  test('without a file in it is refused', () => {
    expect(() => loadConnections(files({}), plain)).toThrow(OperatorError);
  });
});

test('a file that is not there, is not JSON or names no connection is refused', () => {
  expect(() => loadConnections(join(folder, 'none.json'), plain)).toThrow(/no connections file or folder at/);
  const path = files({ 'a.json': '{"connections": }', 'b.json': { connections: {} } });
  expect(() => loadConnections(join(path, 'a.json'), plain)).toThrow(/a\.json: .*line 1/s);
  expect(() => loadConnections(join(path, 'b.json'), plain)).toThrow(/at least one/);
});

test('http on a loopback host passes in the local program only', () => {
  const connections = { one: { ...BITS, base_url: 'http://127.0.0.1:9999' } };
  expect(() => loadConnections({ connections }, plain)).toThrow(/base_url/);
});

test.each([
  'infra/connections.json',
  ...readdirSync(RECIPES)
    .filter(isJson)
    .map((name) => join(RECIPES, name)),
])('the connections of %s are for the functions, which read them as JSON, what they are here', (path) => {
  const connections = loadConnections(path, plain);
  expect(JSON.parse(JSON.stringify(connections))).toEqual(connections);
});

test('a stage is put before the secrets of the broker, and not before those of a team', () => {
  const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:bits-AbCdEf';
  const document = {
    connections: {
      defaulted: BITS,
      named: { ...BITS, secret: 'token-broker/bits' },
      theirs: { ...BITS, secret: 'team/bits' },
      elsewhere: { ...BITS, secret: arn },
    },
  };
  const connections = loadConnections(document, new Stage('prod'));
  const secrets = ['prod-token-broker/defaulted', 'prod-token-broker/bits', 'team/bits', arn];
  expect(connections.map(({ secret }) => secret)).toEqual(secrets);
});

test.each(['Prod', '1st', 'with_underscore', '', 'a-stage-that-is-too-long'])(
  'the stage "%s" is refused',
  (stage) => {
    expect(() => new Stage(stage)).toThrow(OperatorError);
  },
);

describe('the app', () => {
  const synth = (context: Record<string, unknown>) =>
    spawnSync(process.execPath, ['infra/app.ts'], {
      env: {
        PATH: process.env.PATH,
        CDK_OUTDIR: join(folder, 'cdk.out'),
        CDK_CONTEXT_JSON: JSON.stringify({ 'aws:cdk:bundling-stacks': [], ...context }),
      },
      encoding: 'utf8',
    });

  test('stops at bad connections with their mistakes and no stack trace', () => {
    const path = files({ 'a.json': { connections: { one: { vendor: 'bit' } } } });
    const { status, stderr } = synth({ connections: join(path, 'a.json') });
    expect(status).toBe(2);
    expect(stderr).toContain('connections.one.vendor');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('stops at more connections than CloudFormation takes, likewise', () => {
    const names = Array.from({ length: 2_200 }, (_, index) => `connection-${index}`);
    const path = files({ 'a.json': { connections: Object.fromEntries(names.map((name) => [name, BITS])) } });
    const { status, stderr } = synth({ connections: path });
    expect(stderr).toMatch(
      /2200 connections make \d+ resources, and CloudFormation takes 500.*subjects.*second broker/s,
    );
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(status).toBe(2);
  }, 120_000);
});

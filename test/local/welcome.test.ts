import { expect, test } from 'vitest';
import { welcome } from '../../functions/local/welcome.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';

function printed(connections: Record<string, object>): string {
  const members = { vendor: 'bugsplat', scope: 'symbols' };
  const file = {
    connections: Object.fromEntries(
      Object.entries(connections).map(([name, more]) => [name, { ...members, ...more }]),
    ),
  };
  const about = {
    url: 'http://127.0.0.1:1',
    awsUrl: 'http://127.0.0.1:2',
    console: 'http://127.0.0.1:1/#KEY',
    key: 'KEY',
    kept: 'data',
    seconds: 1,
  };
  return welcome({
    ...about,
    connections: parseConnections(file, { vendors: VENDORS, allowLoopbackHttp: true }),
  });
}

const role = (account: string, name = 'ci-*') => ({ principal: `arn:aws:iam::${account}:role/${name}` });

test('the lines to paste are for a connection that takes them', () => {
  const both = printed({ guarded: { callers: [role('000000000000')] }, open: {} });
  expect(both).toMatch(/--user local:KEY .*\n.*\/connections\/open\/token/);
  expect(both).toContain('--qualifier open');
});

test('a connection with callers is asked as one of them, and not by direct invoke', () => {
  const callers = [{ ...role('000000000000', 'reader'), actions: ['read'] }, role('000000000000', 'team/ci')];
  const guarded = printed({ guarded: { callers } });
  expect(guarded).toMatch(/--user role-ci:KEY .*\n.*\/connections\/guarded\/token/);
  expect(guarded).not.toContain('invoke --function-name');
  expect(printed({ guarded: { callers, direct_invoke: true } })).toContain('--qualifier guarded');
});

test('where nobody of this machine is admitted, the lines are left out, and it says why', () => {
  const foreign = printed({ guarded: { callers: [role('111122223333')] } });
  expect(foreign).toMatch(/No connection admits a caller of this machine: .*user\/local and\n.*role\/NAME/);
  expect(foreign).not.toMatch(/curl|LambdaClient/);
});

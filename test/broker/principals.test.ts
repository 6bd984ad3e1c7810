import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers, fitsPattern, isSamePrincipal, parsePrincipal } from '../../shared/broker/principals.ts';
import { parsePrincipalRule } from '../../shared/connections/principal.ts';

const ACCOUNT = '111122223333';
const iam = (rest: string) => `arn:aws:iam::${ACCOUNT}:${rest}`;
const sts = (rest: string) => `arn:aws:sts::${ACCOUNT}:${rest}`;

/** `undefined` when either of the two cannot be parsed. */
function admits(rule: string, caller: string): boolean | undefined {
  const [whom, who] = [parsePrincipalRule(rule), parsePrincipal(caller)];
  return whom && who && covers(whom, who);
}

describe('a caller', () => {
  test.each([
    [iam('user/ann'), { kind: 'user', name: 'ann' }],
    [iam('user/team/emea/ann@x'), { kind: 'user', name: 'ann@x' }],
    [iam('root'), { kind: 'root', name: '' }],
    [sts('assumed-role/ci-build/session'), { kind: 'role', name: 'ci-build' }],
    [sts('assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com'), { kind: 'role' }],
    [sts('federated-user/ann'), { kind: 'federated-user', name: '' }],
  ])('%s is known', (arn, principal) => {
    expect(parsePrincipal(arn)).toMatchObject({ partition: 'aws', account: ACCOUNT, ...principal });
  });

  test.each(['aws', 'aws-cn', 'aws-us-gov', 'aws-iso-b', 'aws-eusc'])(
    'may be of partition %s',
    (partition) => {
      expect(parsePrincipal(`arn:${partition}:iam::${ACCOUNT}:root`)).toMatchObject({ partition });
    },
  );

  test.each([
    '',
    'ann',
    '*',
    'lambda:invoke',
    iam('role/ci'),
    iam('user/'),
    iam('user//ann/'),
    iam('user/*'),
    iam('rootx'),
    iam('root\n'),
    iam('group/x'),
    `arn:aws:iam::${ACCOUNT}`,
    'arn:aws:iam::11112222333:root',
    'arn:aws:iam:eu-west-1:111122223333:root',
    'arn:AWS:iam::111122223333:root',
    sts('assumed-role/ci'),
    sts('assumed-role/ci/'),
    sts('assumed-role/path/ci/session'),
    sts('assumed-role/c*i/session'),
    sts('assumed-role/ci/ses sion'),
    sts('user/ann'),
    `arn:aws:sts::${ACCOUNT}:assumed-role/${'x'.repeat(65)}/s`,
    iam(`user/${'x/'.repeat(600)}ann`),
  ])('%j cannot be parsed', (arn) => {
    expect(parsePrincipal(arn)).toBeUndefined();
  });
});

describe('a rule', () => {
  test.each([
    ['a role', iam('role/ci'), sts('assumed-role/ci/any')],
    ['a role with a path, which its sessions do not carry', iam('role/a/b/ci'), sts('assumed-role/ci/any')],
    ['roles by pattern', iam('role/ci-*'), sts('assumed-role/ci-build/any')],
    ['all roles', iam('role/*'), sts('assumed-role/ci/any')],
    ['a user', iam('user/ann'), iam('user/ann')],
    ['a user whatever the path', iam('user/ann'), iam('user/team/ann')],
    ['a whole account for roles', iam('root'), sts('assumed-role/ci/any')],
    ['a whole account for users', iam('root'), iam('user/ann')],
    ['a whole account for federated users', iam('root'), sts('federated-user/ann')],
    ['a whole account for root itself', iam('root'), iam('root')],
  ])('covers %s', (_title, rule, caller) => {
    expect(admits(rule, caller)).toBe(true);
  });

  test.each([
    ['another account', iam('root'), 'arn:aws:iam::444455556666:root'],
    ['another partition', iam('root'), `arn:aws-cn:iam::${ACCOUNT}:root`],
    ['another role', iam('role/ci'), sts('assumed-role/ci2/any')],
    ['a role whose session has the name', iam('role/ci'), sts('assumed-role/x/ci')],
    ['a role whose session fits the pattern', iam('role/ci-*'), sts('assumed-role/x/ci-build')],
    ['a role in other letter case', iam('role/ci'), sts('assumed-role/CI/any')],
    ['a user of the name of a role', iam('role/ann'), iam('user/ann')],
    ['a role of the name of a user', iam('user/ann'), sts('assumed-role/ann/ann')],
    ['a user by a part of the path', iam('user/ann'), iam('user/ann/bob')],
    ['a federated user of the name of a user', iam('user/ann'), sts('federated-user/ann')],
    ['a federated user of the name of a role', iam('role/*'), sts('federated-user/ann')],
    ['the root user by a pattern', iam('role/*'), iam('root')],
  ])('does not cover %s', (_title, rule, caller) => {
    expect(admits(rule, caller)).toBe(false);
  });

  test.each([
    '*',
    '',
    ACCOUNT,
    'arn:aws:iam::*:root',
    'arn:*:iam::111122223333:root',
    iam('role/'),
    iam('role/a*/ci'),
    iam('role/team/*'),
    iam('role/team/ci-*'),
    iam('user/ann*'),
    iam('role/ci?'),
    iam('*'),
    iam('federated-user/ann'),
    sts('assumed-role/ci/session'),
    sts('assumed-role/ci/*'),
    iam('role/ci '),
  ])('%j is none', (rule) => {
    expect(parsePrincipalRule(rule)).toBeUndefined();
  });
});

describe('a pattern', () => {
  const few = (letters: string[]) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 12 });

  test('fits the names that a regular expression says', () => {
    const reference = (pattern: string) =>
      new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replace(/[+.]/g, '\\$&'))
          .join('.*')}$`,
      );
    fc.assert(
      fc.property(few(['a', 'b', '.', '+', '*']), few(['a', 'b', '.', '+']), (pattern, name) => {
        expect(fitsPattern(pattern, name)).toBe(reference(pattern).test(name));
      }),
      { numRuns: 2000 },
    );
  });

  test('fits every name that is made by filling it in', () => {
    fc.assert(
      fc.property(
        fc.array(few(['a', 'b']), { minLength: 1 }),
        fc.infiniteStream(few(['a', 'b'])),
        (parts, fill) => {
          const name = parts.reduce((made, part) => made + fill.next().value + part);
          expect(fitsPattern(parts.join('*'), name)).toBe(true);
        },
      ),
    );
  });

  test('looks at each part once, however hard the pattern', () => {
    const pattern = `${'a*'.repeat(20_000)}b`;
    expect(fitsPattern(pattern, 'a'.repeat(50_000))).toBe(false);
    expect(fitsPattern(pattern, `${'a'.repeat(50_000)}b`)).toBe(true);
  });
});

test('whatever is parsed, nothing throws, and a rule covers its own role in its own account only', () => {
  const name = fc.stringMatching(/^[\w+=,.@-]{1,64}$/);
  const account = fc.stringMatching(/^\d{12}$/);
  fc.assert(
    fc.property(name, name, account, account, fc.string(), (role, session, a, b, junk) => {
      expect(
        admits(`arn:aws:iam::${a}:role/${role}`, `arn:aws:sts::${b}:assumed-role/${role}/${session}`),
      ).toBe(a === b);
      expect(admits(junk, junk)).toBeUndefined();
      expect(parsePrincipal(`arn:aws:sts::${a}:assumed-role/${junk}`)?.kind ?? 'role').toBe('role');
    }),
  );
});

describe('two callers are one principal', () => {
  test.each([
    [sts('assumed-role/ci/a'), sts('assumed-role/ci/b'), true],
    [sts('assumed-role/ci/a'), sts('assumed-role/ci-2/a'), false],
    [sts('assumed-role/ci/a'), iam('user/ci'), false],
    [iam('user/ann'), iam('user/ann'), true],
    [iam('user/a/ann'), iam('user/b/ann'), false],
    [sts('federated-user/a'), sts('federated-user/a'), true],
    [sts('federated-user/a'), sts('federated-user/b'), false],
  ])('%s and %s: %j', (one, other, same) => {
    expect(isSamePrincipal(one, other)).toBe(same);
  });
});

/** Isolation: nothing that could make two tokens differ is left out of the name under which they are cached. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TokenRequest } from '../../../shared/broker/request.ts';
import { cacheKey } from '../../../shared/broker/tokens/cache-key.ts';
import type { Connection } from '../../../shared/connections/connection.ts';
import { custom } from '../../../shared/vendors/custom.ts';

/** UTF-16 code units of every kind: lone surrogates, combining marks, controls, the other direction. */
const unit = fc.oneof(
  fc.nat(0xffff).map((code) => String.fromCharCode(code)),
  fc.constantFrom(
    '\ud800',
    '\udfff',
    '\ufffd',
    'é',
    'e\u0301',
    '\u0000',
    '"',
    '\\',
    ',',
    '[',
    ']',
    ' ',
    '/',
    '\u202e',
    '𝄞',
  ),
);
const text = fc.string({ unit, maxLength: 4 });
const optional = fc.option(text, { nil: undefined });

const settings = fc.record({
  name: text,
  vendor: text,
  grant: fc.constantFrom('client_credentials' as const, 'authorization_code' as const),
  clientAuth: fc.constantFrom('none' as const, 'client_secret_post' as const),
  secret: text,
  baseUrl: optional,
  tenant: optional,
  issuer: optional,
  tokenEndpoint: optional,
  server: fc.constantFrom({}, { tokenParams: { audience: 'a' } }),
});

const parts = fc.record({
  settings,
  subject: text,
  scopes: fc.uniqueArray(text, { maxLength: 3 }).map((scopes) => scopes.sort()),
  params: fc.dictionary(text, text, { maxKeys: 3 }),
});
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

function requestOf({ settings: members, subject, scopes, params }: Parts, others: Partial<Connection> = {}) {
  const connection: Connection = {
    endpointHosts: [],
    scope: [],
    scopes: [],
    authorizeParams: {},
    refresh: 'keep_warm',
    rotateEvery: 1,
    apiHosts: [],
    directInvoke: true,
    minMintInterval: 1,
    ...(Object.fromEntries(
      Object.entries(members).filter(([, value]) => value !== undefined),
    ) as typeof members),
    ...others,
  } as Connection;
  const request: TokenRequest = {
    connection,
    vendor: custom,
    subject,
    scopes,
    params,
    minTtl: 0,
    begunAt: 0,
    endsAt: 0,
  };
  return request;
}

/** What must be the same for a token to be shared; code unit by code unit. */
const identity = ({ settings: members, subject, scopes, params }: Parts) => [
  Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .sort(),
  subject,
  scopes,
  Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)),
];

const same = (one: Parts, other: Parts) => {
  const units = (value: unknown): unknown => {
    if (typeof value === 'string') return value.split('').map((character) => character.charCodeAt(0));
    return Array.isArray(value) ? value.map(units) : value;
  };
  return JSON.stringify(units(identity(one))) === JSON.stringify(units(identity(other)));
};

test('two requests share a key exactly when everything that matters is the same', () => {
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(cacheKey(requestOf(one)) === cacheKey(requestOf(other))).toBe(same(one, other));
    }),
    { numRuns: 2_000 },
  );
});

const changes: [string, (parts: Parts, value: string) => Parts][] = [
  ['subject', (each, subject) => ({ ...each, subject })],
  ['scope', (each, scope) => ({ ...each, scopes: [scope] })],
  ['param’s value', (each, value) => ({ ...each, params: { ...each.params, application_id: value } })],
  ['param’s name', (each, name) => ({ ...each, params: { [name]: 'same' } })],
  ['connection', (each, name) => ({ ...each, settings: { ...each.settings, name } })],
  ['vendor', (each, vendor) => ({ ...each, settings: { ...each.settings, vendor } })],
  ['secret', (each, secret) => ({ ...each, settings: { ...each.settings, secret } })],
  ['base URL', (each, baseUrl) => ({ ...each, settings: { ...each.settings, baseUrl } })],
  ['tenant', (each, tenant) => ({ ...each, settings: { ...each.settings, tenant } })],
  ['issuer', (each, issuer) => ({ ...each, settings: { ...each.settings, issuer } })],
  ['token endpoint', (each, tokenEndpoint) => ({ ...each, settings: { ...each.settings, tokenEndpoint } })],
];

test.each(changes)('another %s is another key, however little it differs', (_, change) => {
  fc.assert(
    fc.property(parts, text, text, (each, a, b) => {
      fc.pre(a !== b);
      expect(cacheKey(requestOf(change(each, a)))).not.toBe(cacheKey(requestOf(change(each, b))));
    }),
    { numRuns: 300 },
  );
});

test('lone surrogates, which UTF-8 would fold into one character, stay apart', () => {
  const [base] = fc.sample(parts, 1) as [Parts];
  const subjects = ['\ud800', '\ud801', '\udc00', '\ufffd', 'é', 'e\u0301', '', '\u0000'];
  const keys = subjects.map((subject) => cacheKey(requestOf({ ...base, subject })));
  expect(new Set(keys).size).toBe(subjects.length);
});

test('what moves from one part to the next makes another key', () => {
  const [base] = fc.sample(parts, 1) as [Parts];
  const variants: Partial<Parts>[] = [
    { subject: 'a', scopes: ['b'], params: {} },
    { subject: 'a b', scopes: [], params: {} },
    { subject: 'a', scopes: [], params: { b: '' } },
    { subject: '', scopes: ['a', 'b'], params: {} },
    { subject: '', scopes: ['a b'], params: {} },
    { subject: '', scopes: ['a'], params: { b: '' } },
    { subject: '', scopes: [], params: { a: 'b' } },
    { subject: '', scopes: [], params: { 'a":"b': '' } },
    { subject: '","', scopes: [], params: {} },
  ];
  const keys = variants.map((variant) => cacheKey(requestOf({ ...base, ...variant })));
  expect(new Set(keys).size).toBe(variants.length);
});

test('the order of params, and settings that change no token, leave the key as it is', () => {
  fc.assert(
    fc.property(parts, (each) => {
      const reversed = Object.fromEntries(Object.entries(each.params).reverse());
      const others: Partial<Connection> = {
        callers: [],
        owner: 'somebody',
        tags: { a: 'b' },
        minMintInterval: 99,
        directInvoke: false,
        apiHosts: ['example.com'],
        refresh: 'on_use',
      };
      expect(cacheKey(requestOf({ ...each, params: reversed }, others))).toBe(cacheKey(requestOf(each)));
    }),
  );
});

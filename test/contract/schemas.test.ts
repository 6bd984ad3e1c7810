import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_BODY, parseBody } from '../../shared/contract/body.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import {
  parseConsentCompletion,
  parseConsentRequest,
  parseSubject,
  parseTokenRequest,
} from '../../shared/contract/schemas.ts';

/** The text of the `invalid_request` that it must be. */
function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    expect((error as BrokerError).code).toBe('invalid_request');
    return (error as BrokerError).message;
  }
  throw new Error('was accepted');
}

const FINGERPRINT = createHash('sha256').update('token').digest('base64url');

describe('a token request', () => {
  test('may be empty, or say everything', () => {
    expect(parseTokenRequest({})).toEqual({});
    const body = {
      subject: 'Ann Ä 😀',
      params: { application_id: '1', redirect_url: 'https://x.example/?a=b' },
      min_ttl: 86_400,
      rejected: FINGERPRINT,
    };
    expect(parseTokenRequest({ ...body, scope: 'b a b' })).toEqual({ ...body, scope: 'a b' });
  });

  test.each<[string, unknown, RegExp]>([
    ['not an object', null, /must be a JSON object/],
    ['an array', [], /must be a JSON object/],
    [
      'an unknown member',
      { scopes: 'a' },
      /^Unknown: "scopes" \(did you mean "scope"\?\)\. Allowed: subject, scope, params, min_ttl, rejected\.$/,
    ],
    ['another connection', { connection: 'other' }, /^Unknown: "connection"/],
    ['a forged identity', { requestContext: { authorizer: {} } }, /^Unknown: "requestContext"/],
    ['a member that pollutes', JSON.parse('{"__proto__": {"subject": "x"}}'), /^Unknown: "__proto__"/],
    ['a prototype member', { constructor: 1, toString: 2 }, /^Unknown: "constructor", "toString"/],
    ['a number as subject', { subject: 1 }, /^subject: must be a string of 1-256 characters/],
    ['an empty subject', { subject: '' }, /^subject: /],
    ['a slash', { subject: 'a/b' }, /^subject: .*without "\/"/],
    ['a long subject', { subject: 'x'.repeat(257) }, /^subject: .*1-256/],
    ['a NUL', { subject: 'a\0' }, /^subject: /],
    ['a C1 control character', { subject: 'a\u0085' }, /^subject: /],
    ['a lone surrogate', { subject: 'a\ud800' }, /^subject: /],
    ['an array of scopes', { scope: ['a'] }, /^scope: must be scope tokens/],
    ['an empty scope', { scope: '' }, /^scope: /],
    ['a trailing space', { scope: 'a ' }, /^scope: .*one space/],
    ['a scope with a backslash', { scope: 'a\\b' }, /^scope: .*RFC 6749 §3\.3/],
    ['a scope beyond ASCII', { scope: 'ä' }, /^scope: /],
    ['a long scope', { scope: 'x'.repeat(4097) }, /^scope: .*4096/],
    ['a negative time', { min_ttl: -1 }, /^min_ttl: must be a whole number of seconds from 0 to 86400\.$/],
    ['a fraction', { min_ttl: 0.5 }, /^min_ttl: /],
    ['a negative fraction', { min_ttl: -0.5 }, /^min_ttl: must be [^.]*\.$/],
    ['a huge time', { min_ttl: 86_401 }, /^min_ttl: /],
    ['a time as text', { min_ttl: '60' }, /^min_ttl: /],
    ['no number', { min_ttl: Number.NaN }, /^min_ttl: /],
    ['null', { min_ttl: null }, /^min_ttl: /],
    ['params as array', { params: ['a'] }, /^params: must be an object/],
    ['params with a number', { params: { a: 1 } }, /^params\.a: must be a string/],
    ['params with a long value', { params: { a: 'x'.repeat(2049) } }, /^params\.a: .*2048/],
    ['params with a lone surrogate', { params: { a: '\udc00' } }, /^params\.a: /],
    ['params with an odd name', { params: { 'a b': 'x' } }, /^params: .*names/],
    ['params named like a prototype', { params: { prototype: 'x' } }, /^params: .*no others/],
    ['params that pollute', { params: JSON.parse('{"__proto__":"x"}') }, /^params: .*names/],
    [
      'many params',
      { params: Object.fromEntries([...Array(21).keys()].map((i) => [`p${i}`, 'x'])) },
      /at most 20/,
    ],
    [
      'the token itself as rejected',
      { rejected: 'eyJhbGciOi.hush.hush' },
      /^rejected: .*never the token itself/,
    ],
    ['a padded fingerprint', { rejected: `${FINGERPRINT}=` }, /^rejected: .*unpadded/],
  ])('with %s is refused', (_title, body, message) => {
    const text = refusal(() => parseTokenRequest(body));
    expect(text).toMatch(message);
    expect(text).not.toContain('hush');
  });

  test('with several mistakes is told all of them', () => {
    const text = refusal(() =>
      parseTokenRequest({ min_ttl: -1, ttl: 1, subject: '', params: { a: 1, b: 2 } }),
    );
    expect(text).toMatch(/^Unknown: "ttl".* subject: .* params\.a: .* params\.b: .* min_ttl: /);
  });

  test('with a thousand unknown members is refused in few words', () => {
    const body = Object.fromEntries([...Array(1000).keys()].map((i) => [`${'x'.repeat(100)}${i}`, i]));
    const text = refusal(() => parseTokenRequest(body));
    expect(text).toContain('and 995 more');
    expect(text.length).toBeLessThan(600);
  });
});

describe('a consent', () => {
  test('is asked for with subject and replace', () => {
    expect(parseConsentRequest({})).toEqual({});
    expect(parseConsentRequest({ subject: 'ann', replace: true })).toEqual({ subject: 'ann', replace: true });
    expect(refusal(() => parseConsentRequest({ replace: 'yes' }))).toBe('replace: must be true or false.');
    expect(refusal(() => parseConsentRequest({ scope: 'a' }))).toBe(
      'Unknown: "scope". Allowed: subject, replace, return_to.',
    );
  });

  test('is completed with a code, which does not show, or polled with nothing', () => {
    expect(parseConsentCompletion({})).toEqual({});
    const { code } = parseConsentCompletion({ code: 'hush hush' });
    expect(code?.reveal()).toBe('hush hush');
    expect(JSON.stringify({ code })).not.toContain('hush');
    for (const wrong of ['', 'hush\n', 'hush'.repeat(2000), 1, null]) {
      const text = refusal(() => parseConsentCompletion({ code: wrong }));
      expect(text).toMatch(/^code: must be the code/);
      expect(text).not.toContain('hush');
    }
    expect(refusal(() => parseConsentCompletion({ state: 'hush' }))).not.toContain('hush');
  });
});

test('a subject of a path or query obeys the same rule', () => {
  expect(parseSubject('bits:customer::1')).toBe('bits:customer::1');
  expect(parseSubject('😀'.repeat(256))).toHaveLength(512);
  for (const wrong of ['', 'a/b', '\n', '\ud83d', 'x'.repeat(257), undefined, null, 1, ['a']]) {
    expect(refusal(() => parseSubject(wrong))).toMatch(/^subject: must be/);
  }
});

describe('a body', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test('is JSON in UTF-8, as text or as bytes', () => {
    expect(parseBody('{"a":"ä"}', 'application/json')).toEqual({ a: 'ä' });
    expect(parseBody(bytes('{"a":"ä"}'), 'application/json; charset=utf-8')).toEqual({ a: 'ä' });
    expect(parseBody('{}', 'Application/JSON;charset="UTF-8"')).toEqual({});
    expect(parseBody('{"a":1}', undefined)).toEqual({ a: 1 });
  });

  test('may be left out, whatever its type', () => {
    expect(parseBody(undefined, undefined)).toEqual({});
    expect(parseBody('', 'application/x-www-form-urlencoded')).toEqual({});
    expect(parseBody(new Uint8Array(), 'application/json')).toEqual({});
  });

  test.each<[string, Uint8Array | string, string | undefined, RegExp]>([
    [
      'a form, as curl -d sends',
      '{}',
      'application/x-www-form-urlencoded',
      /curl .* -H "Content-Type: application\/json"/,
    ],
    ['plain text', '{}', 'text/plain', /must be application\/json/],
    ['another charset', '{}', 'application/json; charset=iso-8859-1', /in UTF-8/],
    ['a longer type', '{}', 'application/jsonp', /must be application\/json/],
    ['no JSON', '{"code":"hush"', 'application/json', /not JSON/],
    ['JSON with a tail', '{"code":"hush"} hush', 'application/json', /not JSON at position 16\.$/],
    ['a raw NUL', '{"code":"hush\0"}', 'application/json', /not JSON at position 13/],
    ['an array', '["hush"]', 'application/json', /must be a JSON object/],
    ['a string', '"hush"', 'application/json', /must be a JSON object/],
    ['null', 'null', 'application/json', /must be a JSON object/],
    ['bad UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'application/json', /not UTF-8/],
    ['an encoded surrogate', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 'application/json', /not UTF-8/],
    ['a megabyte', `{"a":"${'x'.repeat(1 << 20)}"}`, 'application/json', /larger than 65536 bytes/],
    ['more bytes than characters', `"${'ä'.repeat(MAX_BODY / 2)}"`, 'application/json', /larger/],
    ['a tower of brackets', '['.repeat(MAX_BODY), 'application/json', /not JSON/],
  ])('that is %s is refused', (_title, body, contentType, message) => {
    const text = refusal(() => parseBody(body, contentType));
    expect(text).toMatch(message);
    expect(text).not.toContain('hush');
  });
});

test('whatever is sent, it is accepted or refused as invalid_request', () => {
  const member = fc.constantFrom(
    'subject',
    'scope',
    'params',
    'min_ttl',
    'rejected',
    'replace',
    'code',
    '__proto__',
    'x',
  );
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.jsonValue(),
    fc.dictionary(fc.string(), fc.string()),
  );
  const body = fc.oneof(fc.dictionary(member, value), fc.anything());
  const raw = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.uint8Array());
  const contentType = fc.option(fc.constantFrom('application/json', 'text/plain'), { nil: undefined });
  const settles = (attempt: () => unknown) => {
    try {
      attempt();
    } catch (error) {
      expect(error).toMatchObject({ name: 'BrokerError', code: 'invalid_request' });
    }
  };
  fc.assert(
    fc.property(body, raw, contentType, (thing, text, type) => {
      for (const parse of [parseTokenRequest, parseConsentRequest, parseConsentCompletion, parseSubject]) {
        settles(() => parse(thing));
      }
      settles(() => parseTokenRequest(parseBody(text, type)));
    }),
    { numRuns: 300 },
  );
});

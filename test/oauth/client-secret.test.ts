import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import type { ClientAuthMethod } from '../../shared/connections/connection.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { parseClient } from '../../shared/oauth/client-secret.ts';
import { signJwt } from '../../shared/oauth/jwt.ts';
import { brokerErrorOf, budgetOf } from './support.ts';

const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const { privateKey: smallRsa } = generateKeyPairSync('rsa', { modulusLength: 1024 });
const { privateKey: pss } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { privateKey: p384 } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const { privateKey: p521 } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const { privateKey: ed25519 } = generateKeyPairSync('ed25519');
const jwk = rsa.export({ format: 'jwk' });

const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const pkcs1 = rsa.export({ type: 'pkcs1', format: 'pem' }).toString();
const spki = createPublicKey(rsa).export({ type: 'spki', format: 'pem' }).toString();
const passphrase = 'CANARY-passphrase';

const publicHalf = (key: string | JsonWebKey) =>
  typeof key === 'string' ? createPublicKey(key) : createPublicKey({ key, format: 'jwk' });

function parse(secret: unknown, method: ClientAuthMethod = 'client_secret_post') {
  const value = typeof secret === 'string' ? secret : JSON.stringify(secret);
  return parseClient(new Redacted(value), method, 'token-broker/demo');
}

describe('clients with a secret', () => {
  test.each(['client_secret_post', 'client_secret_basic', 'client_secret_basic_raw'] as const)(
    '%s reads id and secret as they are, odd characters included',
    async (method) => {
      const client = await parse({ client_id: 'id', client_secret: ' :%+&é"\\ ' }, method);
      expect(client.clientId).toBe('id');
      expect(client.clientSecret?.reveal()).toBe(' :%+&é"\\ ');
    },
  );

  test('a public client needs its id alone', async () => {
    expect(await parse({ client_id: 'id', client_secret: 'unused' }, 'none')).toEqual({ clientId: 'id' });
  });

  test('members of another method may be there too, for the time of a change', async () => {
    const both = { client_id: 'id', client_secret: 's', private_key: 'not looked at' };
    expect((await parse(both)).clientSecret?.reveal()).toBe('s');
  });
});

describe('clients with a key', () => {
  test.each<[string, unknown]>([
    ['PKCS#8', pkcs8(rsa)],
    ['PKCS#1', pkcs1],
    ['PEM after some text', `Bag Attributes\n${pkcs8(rsa)}`],
    ['a JWK object', jwk],
    ['a JWK in a string', JSON.stringify(jwk)],
    ['a JWK that says what it is for', { ...jwk, alg: 'RS256', use: 'sig' }],
  ])('%s gives an RSA key that cannot be taken out again', async (_, key) => {
    const { clientId, signingKeys, keyId } = await parse(
      { client_id: 'id', private_key: key },
      'private_key_jwt',
    );
    expect(clientId).toBe('id');
    expect(keyId).toBeUndefined();
    const data = Buffer.from('to be signed');
    const signature = await signingKeys!.get('RS256')!(data, budgetOf());
    expect(signature).toEqual(sign('sha256', data, rsa));
    expect(inspect(signingKeys, { depth: null, showHidden: true })).not.toContain('KeyObject');
  });

  test.each<[string, string | JsonWebKey, string[]]>([
    ['RSA', pkcs8(rsa), ['RS256', 'PS256']],
    ['RSA whose JWK names its alg', { ...jwk, alg: 'PS256' }, ['PS256']],
    ['P-256 in SEC 1', ec.export({ type: 'sec1', format: 'pem' }).toString(), ['ES256']],
    ['P-256 in a JWK', ec.export({ format: 'jwk' }), ['ES256']],
    ['P-384', pkcs8(p384), ['ES384']],
    ['Ed25519', pkcs8(ed25519), ['EdDSA', 'Ed25519']],
  ])('a key on %s signs by what it can', async (_, key, algorithms) => {
    const { signingKeys } = await parse({ client_id: 'id', private_key: key }, 'private_key_jwt');
    expect([...signingKeys!.keys()]).toEqual(algorithms);
    for (const [alg, sign] of signingKeys!) {
      const jwt = await signJwt({ alg }, { iss: 'id' }, sign, budgetOf());
      expect((await jwtVerify(jwt, publicHalf(key))).payload).toEqual({ iss: 'id' });
    }
  });

  test('key_id names the key, else the JWK’s own kid does', async () => {
    const named = { client_id: 'id', private_key: { ...jwk, kid: 'own' } };
    expect((await parse(named, 'private_key_jwt')).keyId).toBe('own');
    expect((await parse({ ...named, key_id: 'given' }, 'private_key_jwt')).keyId).toBe('given');
  });
});

describe('mistakes', () => {
  const secret = 'client_secret_post';
  const key = 'private_key_jwt';
  const withKey = (value: unknown) => ({ client_id: 'id', private_key: value });
  const encrypted = rsa.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
  const encryptedPkcs1 = rsa.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase });
  const { d: _, ...publicJwk } = jwk;
  const { p: __, ...incompleteJwk } = jwk;
  const mistakes: [string, unknown, ClientAuthMethod, string][] = [
    ['nothing', '', secret, 'it is empty'],
    ['plain text', 'CANARY', secret, 'it is not JSON'],
    ['broken JSON', '{"client_id":"CANARY"', secret, 'it is not JSON'],
    ['an array', ['CANARY'], secret, 'it is an array, not an object'],
    ['null', 'null', secret, 'it is null, not an object'],
    ['a string', '"CANARY"', secret, 'it is a string, not an object'],
    ['no id', { client_secret: 'CANARY' }, secret, 'client_id is missing'],
    ['an empty id', { client_id: '', client_secret: 'CANARY' }, secret, 'client_id is empty'],
    ['a number for an id', { client_id: 42 }, 'none', 'client_id must be a string, and is a number'],
    ['null for an id', { client_id: null }, 'none', 'client_id must be a string, and is null'],
    ['no secret', { client_id: 'CANARY' }, secret, 'client_secret is missing'],
    [
      'an empty secret',
      { client_id: 'id', client_secret: '' },
      'client_secret_basic',
      'client_secret is empty',
    ],
    ['an object for a secret', { client_id: 'id', client_secret: { a: 'CANARY' } }, secret, 'is an object'],
    [
      'a pasted line break',
      { client_id: 'id', client_secret: 'CANARY\n' },
      secret,
      'client_secret holds a line break',
    ],
    [
      'a colon in a raw id',
      { client_id: 'a:CANARY', client_secret: 's' },
      'client_secret_basic_raw',
      'client_id holds ":"',
    ],
    ['no key', { client_id: 'id', client_secret: 'CANARY' }, key, 'private_key is missing'],
    ['a number for a key', withKey(7), key, 'private_key is neither'],
    ['text for a key', withKey('CANARY'), key, 'private_key has no PEM header'],
    ['an empty key', withKey(''), key, 'private_key has no PEM header'],
    ['broken JSON for a key', withKey('{"kty":"RSA"'), key, 'private_key has no PEM header'],
    ['an encrypted PKCS#8 key', withKey(encrypted), key, 'private_key is encrypted'],
    ['an encrypted PKCS#1 key', withKey(encryptedPkcs1), key, 'private_key is encrypted'],
    ['a public key', withKey(spki), key, 'private_key is a public key'],
    [
      'a certificate',
      withKey(spki.replaceAll('PUBLIC KEY', 'CERTIFICATE')),
      key,
      'another kind (CERTIFICATE)',
    ],
    ['a P-521 key', withKey(pkcs8(p521)), key, 'private_key is on the curve secp521r1'],
    ['text for a certificate', { ...withKey(jwk), certificate: 'CANARY' }, key, 'certificate is no X.509'],
    ['an RSA-PSS key', withKey(pkcs8(pss)), key, 'private_key is a key of type rsa-pss'],
    ['1024 bits', withKey(pkcs8(smallRsa)), key, 'private_key has 1024 bits'],
    [
      'a PEM without its line breaks',
      withKey(pkcs8(rsa).replaceAll('\n', ' ')),
      key,
      'is not a readable PEM',
    ],
    ['a cut PEM', withKey(pkcs8(rsa).slice(0, 300)), key, 'is not a readable PEM'],
    ['a symmetric JWK', withKey({ kty: 'oct', k: 'CANARY' }), key, 'kty is not RSA'],
    ['a public JWK', withKey(publicJwk), key, 'private_key is a public key'],
    ['an incomplete JWK', withKey(incompleteJwk), key, 'is not a complete JWK'],
    ['a JWK for another algorithm', withKey({ ...jwk, alg: 'RS512' }), key, 'alg is not RS256 or PS256'],
    ['a JWK for encryption', withKey({ ...jwk, use: 'enc' }), key, 'use is not sig'],
    ['an odd key id', { ...withKey(jwk), key_id: 7 }, key, 'key_id must be a string'],
  ];
  test.each(mistakes)('%s is named, with what is allowed', async (_name, value, method, text) => {
    const error = await brokerErrorOf(parse(value, method));
    expect(error.code).toBe('secret_unavailable');
    expect(error.message).toContain(text);
    expect(error.message).toContain('The secret token-broker/demo');
    expect(error.message).toContain(`For ${method} it must be JSON {"client_id"`);
    const shown = inspect(error, { depth: 9, showHidden: true });
    expect(shown).not.toContain('CANARY');
    expect(shown).not.toContain(String(jwk.d).slice(0, 12));
    expect(shown).not.toContain(pkcs1.slice(60, 80));
  });
});

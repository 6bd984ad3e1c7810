import { spawnSync } from 'node:child_process';
import type { APIGatewayProxyEventV2WithIAMAuthorizer } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startGateway } from '../../functions/local/gateway.ts';
import type { LocalServer } from '../../functions/local/http.ts';
import { echoHandlers } from '../support/echo-handlers.ts';
import { output } from '../support/output.ts';
import { type SignedFetchOptions, signedFetch } from '../support/signed-fetch.ts';

const handlers = echoHandlers();
let gateway: LocalServer;

beforeAll(async () => {
  gateway = await startGateway({ port: 0, key: 'local', handlers: Promise.resolve(handlers) });
});
afterAll(() => gateway.close());
beforeEach(() => {
  handlers.calls.length = 0;
});

const token = '/connections/crash/token';
const post = { method: 'POST', body: '{"scope":"symbols"}', headers: { 'content-type': 'application/json' } };

async function identityOf(response: Response) {
  expect(response.status).toBe(200);
  const { event } = (await response.json()) as { event: APIGatewayProxyEventV2WithIAMAuthorizer };
  return event.requestContext.authorizer.iam;
}

async function expectRefusal(response: Response, reason: RegExp) {
  expect(response.status).toBe(403);
  expect(await response.json()).toEqual({ message: 'Forbidden', reason: expect.stringMatching(reason) });
  expect(handlers.calls).toEqual([]);
}

describe('an accepted signature', () => {
  test('of the SDK signer names the caller, for the user and for roles', async () => {
    const user = await identityOf(await signedFetch(gateway.url + token, post));
    expect(user).toMatchObject({
      userArn: 'arn:aws:iam::000000000000:user/local',
      accountId: '000000000000',
      accessKey: 'local',
    });
    const role = await identityOf(
      await signedFetch(gateway.url + token, { ...post, keyId: 'role-ci-build' }),
    );
    expect(role.userArn).toBe('arn:aws:sts::000000000000:assumed-role/ci-build/session');
  });

  test.each([
    ['an encoded path', '/connections/a%20b%2Fc/token'],
    ['a query that is not sorted', '/connections/crash?z=1&subject=%C3%A9%2B&a=2&a=1'],
    ['a parameter without a value', '/connections/crash?subject'],
    ['non-ASCII and reserved characters', "/connections/%E2%82%AC!'()*~?q=!'()*~"],
  ])('covers %s', async (_, path) => {
    const method = path.endsWith('token') ? 'POST' : 'GET';
    const response = await signedFetch(gateway.url + path, { method });
    expect(response.status).toBe(200);
  });

  test('may come with a session token, which is covered like any header', async () => {
    const headers = { 'x-amz-security-token': 'session' };
    await identityOf(await signedFetch(gateway.url + token, { ...post, headers }));
    const tamper: SignedFetchOptions['tamper'] = (request) => {
      request.headers['x-amz-security-token'] = 'other';
    };
    handlers.calls.length = 0;
    await expectRefusal(
      await signedFetch(gateway.url + token, { ...post, headers, tamper }),
      /does not match/,
    );
  });

  test.skipIf(spawnSync('curl', ['--version']).error)('comes from curl --aws-sigv4', async () => {
    const signed = ['-s', '--aws-sigv4', 'aws:amz:us-east-1:execute-api', '-u', 'local:local'];
    const json = ['-H', 'content-type: application/json', '-d', post.body];
    const posted = JSON.parse(await output('curl', [...signed, ...json, gateway.url + token]));
    expect(posted.event.body).toBe(post.body);
    const read = await output('curl', [...signed, `${gateway.url}/connections/crash?subject=default`]);
    expect(JSON.parse(read).event.queryStringParameters).toEqual({ subject: 'default' });
    const wrong = ['-s', '--aws-sigv4', 'aws:amz:us-east-1:execute-api', '-u', 'local:wrong'];
    expect(JSON.parse(await output('curl', [...wrong, ...json, gateway.url + token]))).toMatchObject({
      message: 'Forbidden',
    });
  });

  const botocore = spawnSync('python3', ['-c', 'import botocore']).status === 0;
  test.skipIf(!botocore)('comes from botocore, which encodes paths a second time', async () => {
    const script = `
import sys, json, urllib.request
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
statuses = []
for path in ['/connections/crash/token', '/connections/a%20b%2Fc/token', '/connections/%C3%A9/token']:
    request = AWSRequest('POST', sys.argv[1] + path, data=b'{}', headers={'content-type': 'application/json'})
    SigV4Auth(Credentials('role-py', 'local'), 'execute-api', 'us-east-1').add_auth(request)
    sent = urllib.request.Request(request.url, data=b'{}', headers=dict(request.headers), method='POST')
    body = json.load(urllib.request.urlopen(sent))
    statuses.append(body['event']['pathParameters']['connection'])
print(json.dumps(statuses))
`;
    expect(JSON.parse(await output('python3', ['-c', script, gateway.url]))).toEqual(['crash', 'a b/c', 'é']);
  });
});

describe('refused before any code of ours runs', () => {
  test('a request without a signature, with the reason', async () => {
    await expectRefusal(await fetch(gateway.url + token, { method: 'POST' }), /not signed/);
  });

  test.each<[string, SignedFetchOptions, RegExp]>([
    ['another secret', { secret: 'wrong' }, /secret of key id local is "local"/],
    ['an unknown key id', { keyId: 'AKIAIOSFODNN7EXAMPLE' }, /Unknown key id/],
    ['a role name that IAM would not have', { keyId: 'role-a:b' }, /Unknown key id/],
    ['another service', { service: 'lambda' }, /names the service lambda; here it is execute-api/],
    ['another region', { region: 'eu-west-1' }, /names the region eu-west-1; here it is us-east-1/],
    ['a date in the past', { signingDate: new Date(Date.now() - 6 * 60_000) }, /more than 5 minutes/],
    ['a date in the future', { signingDate: new Date(Date.now() + 6 * 60_000) }, /more than 5 minutes/],
    ['a host that is not signed', { unsigned: ['host'] }, /host must be present and signed/],
    [
      'a header of AWS that is not signed',
      { headers: { 'x-amz-target': 'x' }, unsigned: ['x-amz-target'] },
      /x-amz-target must be present and signed/,
    ],
    [
      'UNSIGNED-PAYLOAD',
      { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
      /not the SHA-256 of the body/,
    ],
    [
      'a hash that is not the body’s',
      { headers: { 'x-amz-content-sha256': '0'.repeat(64) } },
      /not the SHA-256 of the body/,
    ],
  ])('%s', async (_, options, reason) => {
    await expectRefusal(await signedFetch(gateway.url + token, { ...post, ...options }), reason);
  });

  const tampered: [string, NonNullable<SignedFetchOptions['tamper']>, RegExp][] = [
    [
      'body',
      (request) => {
        request.body = '{"scope":"restricted"}';
      },
      /SHA-256/,
    ],
    [
      'body and hash',
      (request) => {
        request.body = '';
        request.headers['x-amz-content-sha256'] =
          'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
      },
      /does not match/,
    ],
    [
      'path',
      (request) => {
        request.url.pathname = '/connections/other/token';
      },
      /does not match/,
    ],
    [
      'query',
      (request) => {
        request.url.search = '?subject=other';
      },
      /does not match/,
    ],
    [
      'query by a parameter named __proto__',
      (request) => {
        request.url.search = '?__proto__=other';
      },
      /__proto__/,
    ],
    [
      'method',
      (request) => {
        request.method = 'GET';
        request.body = undefined;
        request.url.pathname = '/connections/crash';
      },
      /SHA-256|does not match/,
    ],
    [
      'signed header',
      (request) => {
        request.headers['content-type'] = 'text/plain';
      },
      /does not match/,
    ],
    [
      'date',
      (request) => {
        request.headers['x-amz-date'] = request.headers['x-amz-date']!.replace(/..Z$/, '59Z');
      },
      /does not match/,
    ],
    [
      'list of signed headers',
      (request) => {
        request.headers.authorization = request.headers.authorization!.replace('content-type;', '');
      },
      /does not match/,
    ],
    [
      'scope’s date',
      (request) => {
        request.headers.authorization = request.headers.authorization!.replace(/\/\d{8}\//, '/20200101/');
      },
      /date of the credential scope/,
    ],
  ];
  test.each(tampered)('a changed %s', async (_, tamper, reason) => {
    const signingDate = new Date(Math.floor(Date.now() / 60_000) * 60_000);
    await expectRefusal(await signedFetch(gateway.url + token, { ...post, signingDate, tamper }), reason);
  });

  test('a presigned URL', async () => {
    const query = 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=local%2F20300101&X-Amz-Signature=00';
    await expectRefusal(await fetch(`${gateway.url}/connections?${query}`), /Presigned URLs/);
  });

  test.each([
    '',
    'Bearer x',
    'AWS4-HMAC-SHA256 Credential=local',
    `AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  ])('the Authorization header %j', async (authorization) => {
    await expectRefusal(
      await fetch(gateway.url + token, { method: 'POST', headers: { authorization } }),
      /Authorization must be|not signed/,
    );
  });

  test('what was signed in time, once the clock has moved on', async () => {
    let now = Date.now();
    const later = await startGateway({
      port: 0,
      key: 'local',
      handlers: Promise.resolve(handlers),
      now: () => now,
    });
    try {
      const signingDate = new Date(now);
      expect((await signedFetch(later.url + token, { ...post, signingDate })).status).toBe(200);
      handlers.calls.length = 0;
      now += 5 * 60_000 + 1_000;
      await expectRefusal(await signedFetch(later.url + token, { ...post, signingDate }), /expired/);
    } finally {
      await later.close();
    }
  });
});

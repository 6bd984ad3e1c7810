/** The certified server oidc-provider on loopback, with clients of every kind and a person who always agrees. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { DEVICE_CODE_GRANT } from '../../shared/connections/connection.ts';

/** Every character that an encoding could get wrong and that the server admits: RFC 6749's VSCHAR. */
const CLIENT_SECRET = 'a-long.secret_with:%+&/=~ characters';
const REDIRECT_URI = 'http://127.0.0.1:8787/callback';

/** What a secret holds for each client. */
export type OidcClientName = 'basic' | 'post' | 'hmac' | 'person' | 'pushing' | 'device' | KeyClientName;

/** Clients with a key, by the algorithm that the server takes of each alone. */
type KeyClientName = 'key' | 'ps256' | 'es256' | 'es384' | 'eddsa';

export interface OidcProvider {
  readonly issuer: string;
  readonly secrets: Readonly<Record<OidcClientName, { client_id: string } & Record<string, unknown>>>;
  readonly redirectUri: string;
  /** Logs in and agrees, as a browser would. @returns where the server then sends the browser */
  approve(authorizationUrl: string): Promise<URL>;
  /** Types in a device's code, logs in and agrees. */
  approveDevice(verificationUri: string, userCode: string): Promise<void>;
  close(): Promise<void>;
}

/** @param settings of a stricter server, in place of those that it has by default; clients are further ones */
export async function startOidcProvider(settings: Configuration = {}): Promise<OidcProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = keyClients(privateKey);
  const provider = new Provider(issuer, {
    ...SETTINGS,
    ...settings,
    features: { ...SETTINGS.features, ...settings.features } as NonNullable<Configuration['features']>,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
    clients: [
      { ...MACHINE, client_id: 'basic', token_endpoint_auth_method: 'client_secret_basic' },
      { ...MACHINE, client_id: 'post', token_endpoint_auth_method: 'client_secret_post' },
      { ...MACHINE, client_id: 'hmac', token_endpoint_auth_method: 'client_secret_jwt' },
      ...keys.map(({ name, alg, key }) => ({
        ...MACHINE,
        ...WITH_PEOPLE,
        client_id: name,
        token_endpoint_auth_method: 'private_key_jwt' as const,
        token_endpoint_auth_signing_alg: alg,
        jwks: { keys: [createPublicKey(key).export({ format: 'jwk' })] },
      })),
      {
        client_id: 'pushing',
        client_secret: CLIENT_SECRET,
        redirect_uris: [REDIRECT_URI],
        grant_types: ['authorization_code', 'refresh_token'],
        require_pushed_authorization_requests: true,
      },
      {
        client_id: 'person',
        client_secret: CLIENT_SECRET,
        redirect_uris: [REDIRECT_URI],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      {
        client_id: 'device',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        redirect_uris: [],
        response_types: [],
        grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
      },
      ...(settings.clients ?? []),
    ],
  });
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/')) void agree(provider, request, response);
    else serve(request, response);
  });
  const secret = (client_id: string) => ({ client_id, client_secret: CLIENT_SECRET });
  return {
    issuer,
    secrets: {
      basic: secret('basic'),
      post: secret('post'),
      hmac: secret('hmac'),
      ...secretsOf(keys),
      person: secret('person'),
      pushing: secret('pushing'),
      device: { client_id: 'device' },
    },
    redirectUri: REDIRECT_URI,
    approve,
    approveDevice,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function keyClients(rsa: KeyObject) {
  const { privateKey: p256 } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { privateKey: p384 } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const { privateKey: ed25519 } = generateKeyPairSync('ed25519');
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' });
  return [
    { name: 'key', alg: 'RS256', key: rsa, private_key: pem(rsa) },
    // Where a server takes both, a PEM does not say which its client is registered for.
    {
      name: 'ps256',
      alg: 'PS256',
      key: rsa,
      private_key: { ...rsa.export({ format: 'jwk' }), alg: 'PS256' },
    },
    { name: 'es256', alg: 'ES256', key: p256, private_key: pem(p256) },
    { name: 'es384', alg: 'ES384', key: p384, private_key: pem(p384) },
    { name: 'eddsa', alg: 'EdDSA', key: ed25519, private_key: pem(ed25519) },
  ] as const;
}

function secretsOf(keys: ReturnType<typeof keyClients>): Record<KeyClientName, { client_id: string }> {
  const secrets = keys.map(({ name, private_key }): [KeyClientName, { client_id: string }] => [
    name,
    { client_id: name, ...{ private_key } },
  ]);
  return Object.fromEntries(secrets) as Record<KeyClientName, { client_id: string }>;
}

const MACHINE = {
  client_secret: CLIENT_SECRET,
  redirect_uris: [],
  response_types: [],
  grant_types: ['client_credentials'],
  scope: 'read',
};

/** What a client that acts for itself also has where people consent to it. */
export const WITH_PEOPLE = {
  redirect_uris: [REDIRECT_URI],
  response_types: ['code'] as ['code'],
  grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
  scope: 'openid offline_access read',
};

const SETTINGS: Configuration = {
  scopes: ['openid', 'offline_access', 'read', 'write'],
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    revocation: { enabled: true, allowedPolicy: async () => true },
    devInteractions: { enabled: false },
  },
  clientAuthMethods: [
    ...['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
  ] as Configuration['clientAuthMethods'],
  enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  // By default confidential clients' refresh tokens are rotated only late in their life.
  rotateRefreshToken: true,
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  ttl: {
    AccessToken: 600,
    ClientCredentials: 600,
    Grant: 3_600,
    IdToken: 600,
    Interaction: 600,
    RefreshToken: 3_600,
    Session: 3_600,
  },
  cookies: { keys: ['test'] },
};

/** Answers whatever the server wants to know of the person. */
async function agree(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
  }
  const grant = new provider.Grant({ accountId: session!.accountId, clientId: String(params.client_id) });
  grant.addOIDCScope(String(params.scope));
  const { missingResourceScopes = {} } = prompt.details as {
    missingResourceScopes?: Record<string, string[]>;
  };
  for (const [resource, scopes] of Object.entries(missingResourceScopes))
    grant.addResourceScope(resource, scopes.join(' '));
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

async function approve(authorizationUrl: string): Promise<URL> {
  const { url } = await browser().go(authorizationUrl);
  if (!url.href.startsWith(REDIRECT_URI)) throw new Error(`Not sent back, but to ${url.href}`);
  return url;
}

async function approveDevice(verificationUri: string, userCode: string): Promise<void> {
  const { go } = browser();
  const asked = await go(verificationUri);
  const confirmation = await go(asked.url, { xsrf: xsrfIn(asked.page), user_code: userCode });
  const sent = { xsrf: xsrfIn(confirmation.page), user_code: userCode, confirm: 'yes' };
  const done = await go(asked.url, sent);
  if (!done.page.includes('successful')) throw new Error(`Not approved: ${done.page}`);
}

/** The server's own pages carry it in a hidden field. */
function xsrfIn(page: string): string {
  return /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
}

/** As much of a browser as it takes: cookies, redirects, forms; it does not open the broker's callback. */
function browser() {
  const cookies = new Map<string, string>();
  return { go };

  async function go(
    target: string | URL,
    form?: Record<string, string>,
  ): Promise<{ url: URL; page: string }> {
    let url = new URL(target);
    let init: RequestInit = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
    while (!url.href.startsWith(REDIRECT_URI)) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { ...init, redirect: 'manual', headers: { cookie } });
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (location === null) return { url, page: await response.text() };
      url = new URL(location, url);
      init = {};
    }
    return { url, page: '' };
  }
}

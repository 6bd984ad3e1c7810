/**
 * A server that knows clients by whom AWS vouches for, as Entra's federated credentials do: issuer, subject and audience are
 * looked at, the signature is verified by the issuer's JWKS. What it admits, oidc-provider answers.
 */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { type HttpPeer, json, startHttpPeer } from './http-peer.ts';
import { type OidcProvider, startOidcProvider } from './oidc-provider.ts';

export interface FederatingServer {
  /** Of token and revocation requests. */
  readonly front: HttpPeer;
  readonly provider: OidcProvider;
  close(): Promise<void>;
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** @param issuer that the server trusts to name its clients @param subject the only one that is known */
export async function startFederatingServer(issuer: string, subject: string): Promise<FederatingServer> {
  const [front, provider] = await Promise.all([startHttpPeer(), startOidcProvider()]);
  const discovered = await fetch(`${issuer}/.well-known/openid-configuration`);
  const { jwks_uri } = (await discovered.json()) as { jwks_uri: string };
  const keys = createRemoteJWKSet(new URL(jwks_uri));
  const clients = provider.secrets as Readonly<Record<string, Record<string, string>>>;

  async function answer(path: string, body: string): Promise<{ status: number; body: unknown }> {
    const form = new URLSearchParams(body);
    const client = clients[form.get('client_id') ?? ''];
    const refused = { status: 401, body: { error: 'invalid_client' } };
    if (!client || form.get('client_assertion_type') !== ASSERTION_TYPE) return refused;
    const expected = { issuer, subject, audience: `${front.origin}/token`, maxTokenAge: '60s' };
    const known = await jwtVerify(form.get('client_assertion') ?? '', keys, expected).catch(() => undefined);
    if (!known) return refused;
    form.delete('client_assertion');
    form.delete('client_assertion_type');
    form.delete('client_id');
    const [id, secret] = [client.client_id, client.client_secret].map((part) => encodeURIComponent(part!));
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const answered = await fetch(provider.issuer + path, {
      method: 'POST',
      body: form,
      headers: { authorization },
    });
    const text = await answered.text();
    return { status: answered.status, body: text === '' ? {} : JSON.parse(text) };
  }

  front.replyWith(async (response, { path, body }) => {
    const answered = await answer(path, body);
    json(answered.status, answered.body)(response, front.received.at(-1)!);
  });
  return {
    front,
    provider,
    close: async () => void (await Promise.all([front.close(), provider.close()])),
  };
}

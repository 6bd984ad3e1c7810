/** A vendor on loopback with the habits that a recipe is written for: it refuses what they forbid, and says why. */
import { createHash, type KeyObject, randomUUID } from 'node:crypto';
import { jwtVerify } from 'jose';
import { hangUp, json, type Received, type Reply, startHttpPeer, text } from '../support/http-peer.ts';

type Members = Readonly<Record<string, unknown>>;

export interface Habits {
  /** Paths, as the vendor has them; with an issuer, endpoints are found by discovery. */
  readonly issuer?: string;
  readonly authorize?: string;
  readonly token: string;
  readonly revoke?: string;
  /** On a host of its own. */
  readonly userinfo?: string;
  /** How clients prove themselves; `key`: the grant is an assertion. */
  readonly client: 'basic' | 'post' | 'key';
  /** What an authorization or a token request must carry, `undefined` for what it must not. */
  readonly asks?: Readonly<Record<string, string | undefined>>;
  readonly wants?: Readonly<Record<string, string | undefined>>;
  /** Claims of an assertion that is the grant; `aud`, unless it is here, is the token endpoint. */
  readonly claims?: Readonly<Record<string, string>>;
  /** Seconds that access tokens live, and whether answers say so. */
  readonly lifetime: number;
  readonly silentOnLifetime?: true;
  readonly refreshTokens: 'rotate' | 'stay' | 'none';
  /** Seconds for which a spent one works on; else it ends the grant. */
  readonly grace?: number;
  /** A refresh ends the access token before it. */
  readonly kills?: true;
  /** Puts what RFC 6749 §5.1 has into the vendor's own form. */
  readonly answer?: (members: Members, first: boolean) => Members;
  /** What is said of a refresh token or a client that is over. */
  readonly refusal: readonly [status: number, body: Members];
  /** Answers are forms for who does not accept JSON. */
  readonly formByDefault?: true;
}

export const SECRET = { client_id: 'the-client', client_secret: 'the-clients-secret' };

export interface RecipePeer {
  readonly origin: string;
  /** What clients did against the vendor's habits. */
  readonly complaints: readonly string[];
  /** Whether its API would take the access token. */
  isLive(accessToken: string): boolean;
  /** Token requests that were processed, by grant type. */
  received(grantType: string): number;
  /** Refresh tokens that clients gave back. */
  readonly revoked: readonly string[];
  /** Ends everything, as a person or an administrator does. */
  end(): void;
  /** Processes the next token request, and answers nothing. */
  loseNextAnswer(): void;
  close(): Promise<void>;
}

export async function startRecipePeer(
  habits: Habits,
  { now, publicKey }: { now: () => number; publicKey: KeyObject },
): Promise<RecipePeer> {
  const peer = await startHttpPeer();
  const complaints: string[] = [];
  const revoked: string[] = [];
  const counts = new Map<string, number>();
  const codes = new Map<string, string | null>();
  const live = new Map<string, number>();
  let current: string | undefined;
  const spent = new Map<string, number>();
  let ended = false;
  let lose = false;
  const metadataPath =
    habits.issuer && `${habits.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

  const expect = (right: boolean, complaint: string) => {
    if (!right) complaints.push(complaint);
    return right;
  };
  const expectAll = (wanted: Habits['asks'] = {}, sent: Readonly<Record<string, string>>) =>
    Object.entries(wanted).every(([name, value]) =>
      expect(sent[name] === value, `${name} is ${sent[name]}, not ${value}`),
    );
  const BAD: Reply = json(400, { error: 'invalid_request' });

  peer.replyWith(async (response, received) => {
    const { pathname } = new URL(received.path, peer.origin);
    if (pathname === metadataPath) return json(200, metadata())(response, received);
    if (pathname === habits.authorize) return authorize(received)(response, received);
    if (pathname === habits.revoke) return revoke(received)(response, received);
    if (pathname !== habits.token) return text(404, '')(response, received);
    const reply = await token(received);
    const lost = lose;
    lose = false;
    (lost ? hangUp : reply)(response, received);
  });

  return {
    origin: peer.origin,
    complaints,
    isLive: (accessToken) => now() < (live.get(accessToken) ?? 0),
    revoked,
    received: (grantType) => counts.get(grantType) ?? 0,
    end: () => {
      ended = true;
    },
    loseNextAnswer: () => {
      lose = true;
    },
    close: peer.close,
  };

  function metadata(): Members {
    const at = (path: string | undefined) => (path === undefined ? undefined : peer.origin + path);
    return {
      issuer: peer.origin + habits.issuer,
      authorization_endpoint: at(habits.authorize),
      token_endpoint: at(habits.token),
      revocation_endpoint: at(habits.revoke),
      userinfo_endpoint: habits.userinfo,
    };
  }

  function authorize({ path }: Received): Reply {
    const asked = Object.fromEntries(new URL(path, peer.origin).searchParams);
    if (!expectAll(habits.asks, asked)) return BAD;
    const code = randomUUID();
    codes.set(code, asked.code_challenge ?? null);
    const back = new URL(asked.redirect_uri!);
    back.searchParams.set('code', code);
    back.searchParams.set('state', asked.state!);
    return text(302, '', { location: back.href });
  }

  function isClient({ headers, parameters }: Received): boolean {
    const { client_id, client_secret } = SECRET;
    const basic = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
    const way =
      headers.authorization === basic ? 'basic' : parameters.client_secret === client_secret ? 'post' : 'key';
    return expect(way === habits.client, `the client proves itself by ${way}`);
  }

  async function token(received: Received): Promise<Reply> {
    const { parameters } = received;
    const { grant_type = '' } = parameters;
    counts.set(grant_type, (counts.get(grant_type) ?? 0) + 1);
    if (!isClient(received) || !expectAll(habits.wants, parameters)) return BAD;
    if (grant_type === 'authorization_code') {
      const challenge = codes.get(parameters.code!);
      const proof = createHash('sha256')
        .update(parameters.code_verifier ?? '')
        .digest('base64url');
      if (!expect(challenge === (parameters.code_verifier ? proof : null), 'the code is not redeemed right'))
        return BAD;
      return give(received, true);
    }
    if (grant_type === 'refresh_token') return refresh(received);
    if (habits.client === 'key' && !(await isAssertion(parameters))) return BAD;
    return ended ? refuse(received) : give(received, true);
  }

  function refresh(received: Received): Reply {
    const sent = received.parameters.refresh_token!;
    const spentAt = spent.get(sent);
    if (spentAt !== undefined && now() > spentAt + (habits.grace ?? -1) * 1_000) {
      ended = true;
      complaints.push('a spent refresh token came again');
    }
    if (ended || (sent !== current && spentAt === undefined)) return refuse(received);
    if (habits.kills) live.clear();
    return give(received, false);
  }

  async function isAssertion({ assertion = '', scope }: Received['parameters']): Promise<boolean> {
    const { aud = peer.origin + habits.token, ...claims } = habits.claims ?? {};
    try {
      const { payload } = await jwtVerify(assertion, publicKey, {
        algorithms: ['RS256'],
        audience: aud,
        issuer: SECRET.client_id,
        currentDate: new Date(now()),
        maxTokenAge: '1h',
      });
      const wrong = Object.entries(claims).filter(([name, value]) => payload[name] !== value);
      return expect(wrong.length === 0 && payload.scope === scope, `claims ${JSON.stringify(payload)}`);
    } catch (error) {
      return expect(false, `${error}`);
    }
  }

  function give(received: Received, first: boolean): Reply {
    const access_token = randomUUID();
    live.set(access_token, now() + habits.lifetime * 1_000);
    if (habits.refreshTokens === 'rotate' || current === undefined) {
      if (current !== undefined) spent.set(current, spent.get(current) ?? now());
      current = randomUUID();
    }
    const members = {
      access_token,
      token_type: 'Bearer',
      ...(!habits.silentOnLifetime && { expires_in: habits.lifetime }),
      ...(habits.refreshTokens !== 'none' && { refresh_token: current }),
    };
    return say(received, 200, habits.answer?.(members, first) ?? members);
  }

  function refuse(received: Received): Reply {
    return say(received, ...habits.refusal);
  }

  function say({ headers }: Received, status: number, body: Members): Reply {
    const wantsJson = headers.accept?.includes('application/json');
    if (wantsJson || !habits.formByDefault) return json(status, body);
    const form = new URLSearchParams(
      Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]),
    );
    return text(status, form.toString(), { 'content-type': 'application/x-www-form-urlencoded' });
  }

  function revoke(received: Received): Reply {
    if (!isClient(received)) return BAD;
    revoked.push(received.parameters.token!);
    return text(200, '');
  }
}

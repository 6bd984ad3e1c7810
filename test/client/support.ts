import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import { createTokenClient, type TokenClientOptions } from '../../shared/client/index.ts';
import { type HttpPeer, json, type Reply, startHttpPeer } from '../support/http-peer.ts';

export const LOCAL_KEYS = async () => ({ accessKeyId: 'local', secretAccessKey: 'local' });

/** A server that a test makes answer as a broker would. */
export function scriptedPeer(): { readonly peer: HttpPeer } {
  const context = {} as { peer: HttpPeer };
  beforeAll(async () => {
    context.peer = await startHttpPeer();
  });
  afterAll(() => context.peer.close());
  return context;
}

export function clientOf(peer: HttpPeer, options: TokenClientOptions = {}) {
  return createTokenClient({ endpoint: peer.origin }, { credentials: LOCAL_KEYS, ...options });
}

/** A token answer; each has another access token. */
let minted = 0;
export function token(expiresIn: number, members: object = {}): Reply {
  minted += 1;
  const accessToken = `token-${minted}`;
  return (response, received) => {
    const now = Date.now();
    const answer = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: expiresIn,
      expires_at: new Date(now + expiresIn * 1000).toISOString(),
      minted_at: new Date(now).toISOString(),
      source: 'vendor',
      ...members,
    };
    json(200, answer)(response, received);
  };
}

export const brokerError = (status: number, error: string, members: object = {}): Reply =>
  json(status, { error, error_description: `It is ${error}.`, ...members });

/** Only `Date` stands still: sockets and timers go on. */
export function frozenDate() {
  let now = Date.UTC(2026, 0, 1);
  afterEach(() => vi.useRealTimers());
  return {
    freeze() {
      vi.useFakeTimers({ toFake: ['Date'], now });
    },
    advance(seconds: number) {
      now += seconds * 1000;
      vi.setSystemTime(now);
    },
  };
}

export async function caught(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

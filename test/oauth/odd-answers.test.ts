import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrokerError, VendorError } from '../../shared/contract/errors.ts';
import type { Answer } from '../../shared/oauth/exchange.ts';
import { requestToken } from '../../shared/oauth/token-endpoint.ts';
import { readTokenReply } from '../../shared/oauth/token-reply.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { type HttpPeer, startHttpPeer } from '../support/http-peer.ts';
import { budgetOf, tokenCall } from './support.ts';

/** Whatever a vendor answers, the outcome is a reply or one of our errors, and never quotes the answer. */
let peer: HttpPeer;
beforeAll(async () => {
  peer = await startHttpPeer();
});
afterAll(() => peer.close());

const CANARY = 'CANARY';
const NAMES = [
  'access_token',
  'refresh_token',
  'token_type',
  'type',
  'expires_in',
  'scope',
  'error',
  'Error',
  'message',
  'id_token',
  '__proto__',
];

const texts = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'Bearer', '3600', 'invalid_grant', 'server_error'),
  )
  .map((text) => (text.length > 8 ? text + CANARY.repeat(12) : text));
const members = fc.dictionary(
  fc.constantFrom(...NAMES),
  fc.oneof(texts, fc.double(), fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 2 })),
);
const bodies = fc.oneof(
  members.map((value) => JSON.stringify(value)),
  fc.json(),
  texts,
  members.map((value) => JSON.stringify(value).slice(0, -2)),
);
const statuses = fc.oneof(fc.constant(200), fc.integer({ min: 200, max: 999 }));

test('any status with any body is a reply or a VendorError that quotes nothing', () => {
  const vendors = fc.constantFrom(...Object.values(VENDORS));
  fc.assert(
    fc.property(statuses, bodies, vendors, (status, body, { dialect }) => {
      const answer: Answer = {
        host: 'vendor.example',
        status,
        body,
        retryAfter: undefined,
        sentAt: 1_000_000,
        echoesSecret: () => false,
      };
      const outcome = attempt(() => readTokenReply(answer, dialect));
      const token = outcome instanceof Error ? outcome : attempt(() => outcome.token());
      if (token instanceof Error) {
        expect(token).toBeInstanceOf(VendorError);
      } else {
        expect(status).toBeLessThan(300);
        expect(token.accessToken.reveal()).toMatch(/^[\x21-\x7E]+$/);
        expect(token.tokenType).toMatch(/^[\x21-\x7E]+$/);
        const life = token.expiresAt - token.mintedAt;
        expect(Number.isSafeInteger(life) && life >= 0 && life <= 86_400_000).toBe(true);
      }
      // Scope and type of a token are the vendor's words, which callers are meant to get.
      const shown = token instanceof Error ? token : { ...token, scope: '', tokenType: '' };
      expect(inspect([outcome, shown], { depth: 9, showHidden: true })).not.toContain(CANARY);
    }),
    { numRuns: 3_000 },
  );
});

test('a refresh token is kept whatever stands beside it', () => {
  fc.assert(
    fc.property(members, fc.string({ minLength: 1, unit: 'binary' }), (beside, refreshToken) => {
      const body = JSON.stringify({ ...beside, refresh_token: refreshToken });
      const answer = {
        host: 'h',
        status: 200,
        body,
        retryAfter: undefined,
        sentAt: 0,
        echoesSecret: () => false,
      };
      const reply = readTokenReply(answer, { encoding: 'form', defaultLifetime: 300 });
      expect(reply.refreshToken?.reveal()).toBe(refreshToken);
    }),
  );
});

test('whatever bytes come back over the wire, the outcome is a reply or one of our errors', async () => {
  const heads = fc.constantFrom(
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 099 Low\r\n\r\n',
    'HTTP/0.9\r\n',
    '',
  );
  await fc.assert(
    fc.asyncProperty(
      heads,
      fc.oneof(
        bodies.map((body) => Buffer.from(body)),
        fc.uint8Array(),
      ),
      async (head, body) => {
        peer.replyWith((response) => {
          response.socket?.write(head);
          response.socket?.end(body);
        });
        const budget = budgetOf(undefined, { attempts: 1, attemptTimeout: 2_000 });
        const outcome = await requestToken(tokenCall(peer.origin, { budget })).catch(
          (error: unknown) => error,
        );
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(BrokerError);
        expect(inspect(outcome, { depth: 9, showHidden: true })).not.toContain(CANARY);
      },
    ),
    { numRuns: 150 },
  );
});

function attempt<T>(act: () => T): T | Error {
  try {
    return act();
  } catch (error) {
    return error as Error;
  }
}

import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Answer } from './http.ts';

/** What happens on the wire instead of a whole answer. */
export type Sabotage = (response: ServerResponse) => Promise<void>;

export const dropped: Sabotage = async (response) => {
  response.destroy();
};

/** Announces the whole length, sends half of it, and closes. */
export function brokenOff(answer: Answer): Sabotage {
  return async (response) => {
    const body = Buffer.from(answer.body);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
    await new Promise<void>((sent) => response.write(body.subarray(0, body.length / 2), () => sent()));
    response.destroy();
  };
}

/** A well-formed HTTP answer whose JSON stops half-way. */
export function cut(answer: Answer): Answer {
  return { ...answer, body: answer.body.slice(0, answer.body.length / 2) };
}

/** Goes on until the client or the vendor closes. */
export function endless(
  answer: Answer,
  pace: { chunk_bytes: number; pause_ms: number },
  closing: AbortSignal,
): Sabotage {
  return async (response) => {
    response.writeHead(answer.status, answer.headers);
    response.write(`${answer.body.slice(0, -1)},"padding":"`);
    while (!response.destroyed) {
      response.write('x'.repeat(pace.chunk_bytes));
      // A client that has stopped reading must not fill this process's memory.
      do await wait(pace.pause_ms, undefined, { signal: closing });
      while (response.writableNeedDrain && !response.destroyed);
    }
  };
}

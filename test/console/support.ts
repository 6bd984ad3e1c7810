import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { KEY_HEADER } from '../../functions/console/messages.ts';

export interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  /** Instead of those that the page sends; `undefined` leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Of a JSON answer. */
  json(): Record<string, unknown>;
}

/** The address as a local broker or the command prints it. */
export const addressIn = (printed: string) => /http:\/\/127\.0\.0\.1:\d+\/#[\w-]+/.exec(printed)?.[0] ?? '';

/** What asks a console as its page does. */
export function askerOf(address: string) {
  const { origin, port, host, hash } = new URL(address);
  const own = { host, origin, 'sec-fetch-site': 'same-origin', [KEY_HEADER]: hash.slice(1) };
  return (path: string, { method = 'GET', body, headers = {} }: Asked = {}): Promise<Answered> => {
    const all = Object.entries({ ...own, ...headers }).filter(([, value]) => value !== undefined);
    return new Promise((resolve, reject) => {
      // `fetch` would choose Host itself.
      const options = {
        port,
        host: '127.0.0.1',
        path,
        method,
        headers: Object.fromEntries(all),
        agent: false,
      };
      const sent = httpRequest(options, async (response) => {
        const received = await text(response);
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text: received,
          json: () => JSON.parse(received) as Record<string, unknown>,
        });
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  };
}

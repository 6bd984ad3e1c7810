/** DynamoDB on disk, by dynalite inside this process: it never listens, so that nothing passes by the signature. */
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Answer, Received } from '../http.ts';
import type { AwsService } from './endpoint.ts';

export interface EmbeddedDynamoDb {
  readonly service: AwsService;
  close(): Promise<void>;
}

/** `path`: the folder of its files; only one process may have it open. */
export async function embedDynamoDb(path: string): Promise<EmbeddedDynamoDb> {
  const { default: dynalite } = await import('dynalite');
  // A table that is killed while it is CREATING stays so: there must be no such time.
  const server = dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  return { service: (request) => exchange(server, request), close: () => close(server) };
}

/**
 * Hands dynalite a request and collects its answer, of which only the headers that AWS sends are kept.
 * The request is emitted here and now, so that what dynalite throws at odd input (a body that is `null`)
 * fails this request and not the process.
 */
function exchange(server: Server, { method, rawPath, headers, body }: Received): Promise<Answer> {
  const request = Object.assign(new EventEmitter(), { method, url: rawPath, headers });
  return new Promise((resolve) => {
    const kept: Record<string, string> = {};
    const response = {
      statusCode: 200,
      setHeader(name: string, value: string | number) {
        if (/^(content-type|x-amz.*)$/i.test(name)) kept[name] = String(value);
      },
      end(text = '') {
        resolve({ status: response.statusCode, headers: kept, body: text });
      },
    };
    server.emit('request', request, response);
    request.emit('data', body);
    request.emit('end');
  });
}

/**
 * dynalite closes its files only together with a listening server, so it listens for that one moment,
 * with nobody left to answer.
 */
function close(server: Server): Promise<void> {
  server.removeAllListeners('request');
  return new Promise((resolve, reject) => {
    server.listen(0, '127.0.0.1', () => server.close((error) => (error ? reject(error) : resolve())));
  });
}

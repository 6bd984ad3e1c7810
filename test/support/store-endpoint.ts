/** DynamoDB, Secrets Manager, KMS and STS on one loopback origin, with the local broker's own parts; nothing is verified. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dynalite from 'dynalite';
import { AwsError, errorAnswer, queryErrorAnswer } from '../../functions/local/emulator/errors.ts';
import { kmsService } from '../../functions/local/emulator/kms.ts';
import { secretsManagerService } from '../../functions/local/emulator/secrets-manager.ts';
import { stsService } from '../../functions/local/emulator/sts.ts';

export interface StoreEndpoint {
  /** `http://127.0.0.1:PORT`, for `endpoint` of a client or `AWS_ENDPOINT_URL`. */
  readonly origin: string;
  close(): Promise<void>;
}

export async function startStoreEndpoint(): Promise<StoreEndpoint> {
  const folder = await mkdtemp(join(tmpdir(), 'stores-'));
  const dynamodb = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const services = {
    secretsmanager: await secretsManagerService(join(folder, 'secrets.json')),
    TrentService: await kmsService(join(folder, 'kms.json')),
    sts: stsService(),
  };

  const server = createServer(async (request, response) => {
    const target = targetOf(request);
    if (target === undefined) {
      dynamodb.emit('request', request, response);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const received = {
      method: request.method ?? 'POST',
      rawPath: request.url ?? '/',
      rawQuery: '',
      headers: request.headers as Record<string, string>,
      body: Buffer.concat(chunks),
      tooLarge: false,
      sourceIp: '127.0.0.1',
    };
    const answer = await services[target](received).catch((error) => {
      if (error instanceof AwsError) return (target === 'sts' ? queryErrorAnswer : errorAnswer)(error);
      throw error;
    });
    response.writeHead(answer.status, answer.headers as Record<string, string>).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

/** `undefined`: DynamoDB. */
function targetOf({ headers }: IncomingMessage) {
  const [target] = String(headers['x-amz-target'] ?? 'sts').split('.');
  return target === 'secretsmanager' || target === 'TrentService' || target === 'sts' ? target : undefined;
}

/** Passes bytes on to an endpoint over connections that die together, as those of a frozen function do. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What becomes of bytes that are written into a dead connection: a reset in answer, or nothing, ever. */
export type Death = 'reset' | 'silent';

export interface DyingConnections {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Connections that were opened, and how often one was written into that was dead. */
  readonly counts: { opened: number; writtenDead: number };
  /** Every connection that stands dies, without a word to the client. */
  kill(death: Death): void;
  close(): void;
}

export async function startDyingConnections(upstream: string): Promise<DyingConnections> {
  const { hostname, port } = new URL(upstream);
  const counts = { opened: 0, writtenDead: 0 };
  const dead = new Map<Socket, Death>();
  const alive = new Set<Socket>();

  const server = createServer((client) => {
    counts.opened += 1;
    alive.add(client);
    const up = connect(Number(port), hostname);
    client.on('data', (chunk) => {
      const death = dead.get(client);
      if (!death) return up.write(chunk);
      counts.writtenDead += 1;
      return death === 'reset' && client.resetAndDestroy();
    });
    up.on('data', (chunk) => dead.has(client) || client.write(chunk));
    up.on('close', () => dead.has(client) || client.destroy());
    up.on('error', () => client.destroy());
    client.on('error', () => up.destroy());
    client.on('close', () => {
      alive.delete(client);
      up.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    kill(death) {
      for (const client of alive) dead.set(client, death);
      alive.clear();
    },
    close() {
      server.close();
      for (const client of [...alive, ...dead.keys()]) client.destroy();
    },
  };
}

/**
 * The keys by which a server is to know the broker, for servers that fetch them (RFC 7517 §5): every key by which an
 * assertion may be signed now, hence those of the versions that `client.ts` falls back to as well, and the next one, so
 * that it is known before it signs (OpenID Connect Core §10.1.1).
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError } from '../../contract/errors.ts';
import { MemoryCache } from '../../contract/memory-cache.ts';
import { SharedWork } from '../../contract/shared-work.ts';
import { publicKeysOf } from '../../oauth/client-secret.ts';
import type { Clock } from '../../oauth/clock.ts';
import type { Budget } from '../../oauth/exchange.ts';
import type { PublicJwk } from '../../oauth/public-key.ts';
import type { Secrets, SecretVersion, SpareStage } from '../ports.ts';
import type { Span } from '../request.ts';
import type { Timing } from '../times.ts';
import type { VendorAccess } from './access.ts';

export interface KeySet {
  readonly keys: readonly PublicJwk[];
}

export interface KeySetRequest extends Pick<Span, 'endsAt'> {
  readonly connection: string;
}

interface KeySetParts {
  readonly connections: ReadonlyMap<string, Connection>;
  readonly secrets: Secrets;
  readonly access: Pick<VendorAccess, 'acquire'>;
  readonly clock: Clock;
  readonly timing: Timing;
}

/** How long one reading serves all who ask, in milliseconds: strangers make no more calls of AWS than that. */
const SERVES = 60_000;

/**
 * @returns `undefined` for every connection that does not serve its keys, whether there is one or not
 * @throws BrokerError `secret_unavailable`: then servers go on with what they have, which an empty set would end
 */
export function keySets({ connections, secrets, access, clock, timing }: KeySetParts) {
  const read = new MemoryCache<{ readonly set: KeySet; readonly until: number }>();
  const readings = new SharedWork<KeySet>(clock.now, timing.deadline);

  return async ({ connection: name, endsAt }: KeySetRequest): Promise<KeySet | undefined> => {
    const connection = connections.get(name) ?? renamed(name);
    if (!connection?.servesJwks) return undefined;
    const last = read.get(connection.name);
    if (last && clock.now() < last.until) return last.set;
    return readings.join(connection.name, () => readSet(connection, access.acquire({ endsAt }).budget));
  };

  /** The server has been told the address with the former name in it. */
  function renamed(name: string): Connection | undefined {
    return [...connections.values()].find(({ renamedFrom }) => renamedFrom === name);
  }

  async function readSet(connection: Connection, budget: Budget): Promise<KeySet> {
    const readAt = clock.now();
    const current = secrets.read(connection.secret, { fresh: true });
    const all = await Promise.all([
      current.then((version) => keysOf(connection, version, budget)),
      spareKeys(connection, 'AWSPENDING', budget),
      spareKeys(connection, 'AWSPREVIOUS', budget),
    ]);
    const byId = new Map(all.flat().map((key) => [key.kid, key]));
    const set = { keys: [...byId.values()] };
    read.put(connection.name, { set, until: readAt + SERVES });
    return set;
  }

  async function spareKeys(connection: Connection, stage: SpareStage, budget: Budget): Promise<PublicJwk[]> {
    try {
      const version = await secrets.readStage(connection.secret, stage);
      return version ? await keysOf(connection, version, budget) : [];
    } catch (error) {
      // One without a key, say: then nothing is signed by it either.
      if (error instanceof BrokerError) return [];
      throw error;
    }
  }

  function keysOf(
    { secret, kmsAlgorithm: algorithm }: Connection,
    { value }: SecretVersion,
    budget: Budget,
  ): Promise<PublicJwk[]> {
    const publicKey = (keyId: string) => secrets.publicKey(keyId, budget);
    return publicKeysOf(value, secret, algorithm && { algorithm, publicKey });
  }
}

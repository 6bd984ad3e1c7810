import type { Secrets, SecretVersion } from '../broker/ports.ts';
import { BrokerError } from '../contract/errors.ts';
import { MemoryCache } from '../contract/memory-cache.ts';
import { SharedWork } from '../contract/shared-work.ts';
import type { Clock } from '../oauth/clock.ts';
import type { SecretsManager } from './clients.ts';
import { kmsPublicKeys, kmsSigner } from './kms.ts';
import { type NoSecret, readSecret, type SecretReading } from './secret-value.ts';
import { webIdentityTokens } from './web-identity.ts';

interface SecretsOptions {
  readonly clock: Clock;
  /** How long a value is used without asking again, in milliseconds. */
  readonly life?: number;
}

interface Cached {
  readonly version: SecretVersion;
  /** Milliseconds since the epoch. */
  readonly askAgainAt: number;
}

/** More names than a stack can have connections. */
const CACHE_SIZE = 500;

/** How long a value is used on after Secrets Manager has failed to confirm it, in milliseconds. */
const OUTAGE_PAUSE = 10_000;

/**
 * The vendors' client secrets. A value outlives its time in the cache while Secrets Manager is down, but not
 * when it answers that the secret is gone or may not be read.
 */
export function createSecrets(manager: SecretsManager, { clock, life = 300_000 }: SecretsOptions): Secrets {
  const cache = new MemoryCache<Cached>(CACHE_SIZE);
  const readings = new SharedWork<SecretVersion>(clock.now, manager.timeout);

  function remember(name: string, version: SecretVersion, askAgainAt: number): SecretVersion {
    cache.put(name, { version, askAgainAt });
    return version;
  }

  async function ask(name: string): Promise<SecretVersion> {
    // From here on, because a frozen process may read the answer an hour after it was true.
    const askedAt = clock.now();
    const reading = await readSecret(manager, name);
    if (reading.found) return remember(name, reading.version, askedAt + life);
    const cached = cache.get(name);
    if (cached && reading.reason === 'unavailable')
      return remember(name, cached.version, clock.now() + OUTAGE_PAUSE);
    cache.delete(name);
    throw unavailable(name, reading);
  }

  return {
    async read(name, { fresh = false } = {}) {
      const cached = cache.get(name);
      if (cached && !fresh && clock.now() < cached.askAgainAt) return cached.version;
      return readings.join(name, () => ask(name));
    },

    async readStage(name, stage) {
      const reading = await readSecret(manager, name, stage);
      if (reading.found) return reading.version;
      if (reading.reason === 'no_value') return undefined;
      throw unavailable(name, reading);
    },

    sign: kmsSigner(manager),
    publicKey: kmsPublicKeys(manager),
    vouch: webIdentityTokens(manager),
  };
}

function unavailable(name: string, reading: Extract<SecretReading, { found: false }>): BrokerError {
  const retryAfter = reading.reason === 'unavailable' ? { retryAfter: 5 } : {};
  return new BrokerError(
    'secret_unavailable',
    `The secret ${name} ${EXPLANATIONS[reading.reason]}`,
    retryAfter,
  );
}

const PUT = 'Put its value with `token-broker secret put` or in the Secrets Manager console.';

const EXPLANATIONS: Readonly<Record<NoSecret, string>> = {
  missing: `does not exist in this account and Region. ${PUT}`,
  no_value: `has no value yet. ${PUT}`,
  deleted: 'is scheduled for deletion. Restore it in the Secrets Manager console, or name another one.',
  binary: `holds binary data (SecretBinary), but must hold JSON as text (SecretString). ${PUT}`,
  access_denied: 'may not be read by the broker: allow its role secretsmanager:GetSecretValue on it.',
  decryption_failed:
    "could not be decrypted: allow the broker's role kms:Decrypt on its key, and check that the key is enabled.",
  unavailable: 'could not be read, because Secrets Manager did not answer in time.',
};

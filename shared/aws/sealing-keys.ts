import { createSecretKey, type KeyObject } from 'node:crypto';
import { StoreUnavailable, UnreadableValue } from '../contract/errors.ts';
import { SharedWork } from '../contract/shared-work.ts';
import type { Clock } from '../oauth/clock.ts';
import type { SecretsManager } from './clients.ts';
import { type Keyring, parseKeyring } from './keyring.ts';
import { type NoSecret, readSecret } from './secret-value.ts';

/** How long a keyring is sealed with before it is read again, in milliseconds. */
const KEYRING_LIFE = 300_000;

/** … and how long when the last reading failed. */
const OUTAGE_PAUSE = 30_000;

/** The shortest time between two readings for an unknown key, and between two while there is no keyring at all. */
const READING_PAUSE = 1_000;

export interface SealingKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/**
 * The keyring as this process knows it. A key never changes under its `kid`, so opening needs no new reading
 * while the `kid` is known; sealing looks for a new current key every few minutes, and goes on with the one it
 * has while Secrets Manager fails.
 */
export class SealingKeys {
  readonly #manager: SecretsManager;
  readonly #secret: string;
  readonly #clock: Clock;
  #current: SealingKey | undefined;
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;
  #soughtAt = Number.NEGATIVE_INFINITY;
  #failure: StoreUnavailable | UnreadableValue | undefined;
  readonly #readings: SharedWork<void>;

  constructor(manager: SecretsManager, secret: string, clock: Clock) {
    this.#manager = manager;
    this.#secret = secret;
    this.#clock = clock;
    this.#readings = new SharedWork(clock.now, manager.timeout);
  }

  /** Who then asks for a key joins this reading. A failure is told to who needs a key. */
  prepare(): void {
    if (this.#readAt === Number.NEGATIVE_INFINITY) this.#refresh().catch(() => undefined);
  }

  /** @throws StoreUnavailable, UnreadableValue when no keyring was ever read */
  async current(): Promise<SealingKey> {
    const life = this.#failure ? OUTAGE_PAUSE : KEYRING_LIFE;
    const age = this.#clock.now() - this.#readAt;
    if (age >= (this.#current ? life : READING_PAUSE)) await this.#refresh();
    if (!this.#current) throw this.#failure ?? new StoreUnavailable('The sealing keyring was not read.');
    return this.#current;
  }

  /** @throws UnreadableValue when no such key is in the keyring, StoreUnavailable when that cannot be known */
  async find(kid: string): Promise<KeyObject> {
    if (!this.#keys.has(kid)) await this.#seek();
    const key = this.#keys.get(kid);
    if (key) return key;
    throw (
      this.#failure ??
      new UnreadableValue(`The sealing keyring ${this.#secret} has no key ${JSON.stringify(kid)}.`)
    );
  }

  /** A key that is not known may be newer than the keyring at hand, however young that is. */
  async #seek(): Promise<void> {
    if (!this.#readings.underWay(this.#secret) && this.#clock.now() - this.#soughtAt < READING_PAUSE) return;
    this.#soughtAt = this.#clock.now();
    await this.#refresh();
  }

  #refresh(): Promise<void> {
    return this.#readings.join(this.#secret, () => this.#read());
  }

  async #read(): Promise<void> {
    const reading = await readSecret(this.#manager, this.#secret);
    this.#readAt = this.#clock.now();
    try {
      if (!reading.found) throw unreadableKeyring(this.#secret, reading.reason, reading.error);
      this.#adopt(parseKeyring(reading.version.value));
      this.#failure = undefined;
    } catch (error) {
      if (!(error instanceof StoreUnavailable || error instanceof UnreadableValue)) throw error;
      this.#failure = error;
    }
  }

  #adopt(ring: Keyring): void {
    const keys = new Map<string, KeyObject>();
    for (const [kid, { k }] of ring.keys) keys.set(kid, createSecretKey(k.reveal(), 'base64url'));
    this.#keys = keys;
    this.#current = { kid: ring.current, key: keys.get(ring.current)! };
  }
}

function unreadableKeyring(
  secret: string,
  reason: NoSecret,
  error: string,
): StoreUnavailable | UnreadableValue {
  if (reason === 'unavailable')
    return new StoreUnavailable(`The sealing keyring could not be read: ${error}.`);
  return new UnreadableValue(`The sealing keyring ${secret} has no usable value: ${error} (${reason}).`);
}

/**
 * Who we are at a vendor, while the secret may change on either side (invariant 8).
 *
 *   current version ──refused──▶ current, past the cache ──refused──▶ pending ──refused──▶ previous ──refused──▶ hold
 *
 * Each version is tried once. What is accepted in place of a refused one is remembered, so that the refused one is
 * not sent before every call: some vendors lock clients out.
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError, inDoubt, isAmbiguous, VendorError } from '../../contract/errors.ts';
import { Redacted } from '../../contract/redacted.ts';
import { parseClient } from '../../oauth/client-secret.ts';
import type { Clock } from '../../oauth/clock.ts';
import type { Client } from '../../oauth/types.ts';
import type { ClientRefusal, Failure, SecretStage, Secrets, SecretVersion, SpareStage } from '../ports.ts';
import type { Timing } from '../times.ts';
import { rememberedError } from './failure.ts';
import type { ClientRefusals } from './refusals.ts';

export interface ClientParts {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly secrets: Secrets;
  readonly refusals: ClientRefusals;
}

export interface Clients {
  /** Begins to look up what `withClient` needs, beside what comes before it. Tells no failure. */
  prepare(connection: Connection): void;
  /**
   * Runs `use` with the connection's client, and again with another version of its secret where the vendor refuses
   * the client. While a refusal of all versions is remembered, `use` is not run.
   */
  withClient<T>(connection: Connection, use: (client: Client) => Promise<T>): Promise<T>;
  /** The remembered refusal because of which `withClient` would not run. */
  standingRefusal(connection: Connection): Promise<BrokerError | undefined>;
  /** Whether a failure that is still held no longer stands, because the secret has another version than the one refused. */
  isMended(connection: Connection, failure: Failure): Promise<boolean>;
  /** The version that would be used now; `undefined` when the secret cannot be read. */
  secretVersion(connection: Connection): Promise<string | undefined>;
}

interface Candidate {
  readonly stage: SecretStage;
  read(): Promise<SecretVersion | undefined>;
}

/** How long a spare version is used without asking Secrets Manager again, in milliseconds. */
const SPARE_LIFE = 300_000;

export function clients({ clock, timing, secrets, refusals }: ClientParts): Clients {
  const recheckedAt = new Map<string, number>();
  const spares = new Map<string, { readonly version: SecretVersion | undefined; readonly until: number }>();
  // To sign with a private key that was just imported takes three times as long as with one that has signed before.
  const parsed = new Map<string, { readonly value: Redacted; readonly client: Client }>();

  return { prepare, withClient, standingRefusal, isMended, secretVersion };

  function prepare(connection: Connection): void {
    refusalOfCurrent(connection).catch(() => undefined);
  }

  async function withClient<T>(connection: Connection, use: (client: Client) => Promise<T>): Promise<T> {
    const refusal = await refusalOfCurrent(connection);
    const held = refusal && (await standing(connection, refusal));
    if (held) throw held;
    return tryVersions(connection, use, refusal?.accepted);
  }

  async function standingRefusal(connection: Connection): Promise<BrokerError | undefined> {
    const refusal = await refusalOfCurrent(connection);
    return refusal && standing(connection, refusal);
  }

  async function refusalOfCurrent(connection: Connection): Promise<ClientRefusal | undefined> {
    const looks = [readCurrent(connection), refusals.of(connection.name)] as const;
    const [{ versionId }, refusal] = await Promise.all(looks);
    return refusal?.secretVersion === versionId ? refusal : undefined;
  }

  async function standing(
    connection: Connection,
    { failure, secretVersion, accepted }: ClientRefusal,
  ): Promise<BrokerError | undefined> {
    if (accepted || failure.until <= clock.now()) return undefined;
    if (await hasNewSecret(connection, secretVersion)) return undefined;
    return rememberedError(failure, clock.now());
  }

  async function tryVersions<T>(
    connection: Connection,
    use: (client: Client) => Promise<T>,
    accepted: SpareStage | undefined,
  ): Promise<T> {
    const tried = new Set<string>();
    let refused: { readonly error: VendorError; readonly version: string } | undefined;
    let ambiguous = false;
    for (const { stage, read } of candidates(connection, accepted)) {
      const version = await read().catch((error: unknown) => {
        if (refused === undefined && stage === 'AWSCURRENT') throw error;
        return undefined;
      });
      if (!version || tried.has(version.versionId)) continue;
      tried.add(version.versionId);
      try {
        const result = await use(await clientOf(connection, version));
        if (refused && (stage !== 'AWSCURRENT' || accepted))
          await refusals.remember(connection.name, refused.error, refused.version, spareOf(stage));
        return result;
      } catch (thrown) {
        const error = ambiguous ? inDoubt(thrown) : thrown;
        ambiguous ||= isAmbiguous(error);
        if (refused && isNoStandIn(error)) continue;
        if (
          stage === 'AWSCURRENT' &&
          mayBeTheSecret(error) &&
          (await hasNewSecret(connection, version.versionId))
        )
          continue;
        if (!isRefusedClient(error)) throw error;
        // The current version is what the refusal is remembered of, whatever else was tried.
        if (!refused || stage === 'AWSCURRENT') refused = { error, version: version.versionId };
        recheckedAt.set(connection.secret, clock.now());
        spares.delete(`${connection.secret} ${stage}`);
      }
    }
    if (!refused) throw new BrokerError('internal', 'No version of the secret could be tried.');
    await refusals.remember(connection.name, refused.error, refused.version);
    throw refused.error;
  }

  /** Where nothing is stored, who the client is stands for the version. */
  async function readCurrent(
    { secret, webIdentity }: Connection,
    options?: { fresh: boolean },
  ): Promise<SecretVersion> {
    if (!webIdentity) return secrets.read(secret, options);
    return { versionId: webIdentity.clientId, value: new Redacted('') };
  }

  async function clientOf(connection: Connection, { value }: SecretVersion): Promise<Client> {
    const { webIdentity } = connection;
    if (!webIdentity) return storedClient(connection, value);
    const { clientId } = webIdentity;
    return { clientId, identityToken: (budget) => secrets.vouch(webIdentity, budget) };
  }

  async function storedClient(connection: Connection, value: Redacted): Promise<Client> {
    const known = parsed.get(connection.name);
    if (known?.value === value) return known.client;
    const { clientAuth, secret, grant, kmsAlgorithm: algorithm, servesJwks: named } = connection;
    const kms = algorithm && { algorithm, sign: secrets.sign };
    const client = await parseClient(value, clientAuth, secret, grant, { kms, named });
    parsed.set(connection.name, { value, client });
    return client;
  }

  function candidates(connection: Connection, accepted: SpareStage | undefined): Candidate[] {
    const { secret, webIdentity } = connection;
    const spare = (stage: SpareStage): Candidate => ({ stage, read: () => readSpare(secret, stage) });
    const all: Candidate[] = [
      { stage: 'AWSCURRENT', read: () => readCurrent(connection) },
      { stage: 'AWSCURRENT', read: () => readCurrent(connection, { fresh: true }) },
      spare('AWSPENDING'),
      spare('AWSPREVIOUS'),
    ];
    if (webIdentity) return all.slice(0, 1);
    return accepted ? [spare(accepted), ...all] : all;
  }

  async function readSpare(secret: string, stage: SpareStage): Promise<SecretVersion | undefined> {
    const key = `${secret} ${stage}`;
    const known = spares.get(key);
    if (known && known.until > clock.now()) return known.version;
    const version = await secrets.readStage(secret, stage);
    spares.set(key, { version, until: clock.now() + SPARE_LIFE });
    return version;
  }

  async function isMended(connection: Connection, { until, secretVersion }: Failure): Promise<boolean> {
    return until > clock.now() && secretVersion !== undefined && hasNewSecret(connection, secretVersion);
  }

  /** The secret is read past the cache at most every `secretRecheck`. */
  async function hasNewSecret(connection: Connection, refusedVersion: string): Promise<boolean> {
    if ((await secretVersion(connection)) !== refusedVersion) return true;
    const last = recheckedAt.get(connection.secret) ?? Number.NEGATIVE_INFINITY;
    if (last + timing.secretRecheck > clock.now()) return false;
    recheckedAt.set(connection.secret, clock.now());
    return (await readCurrent(connection, { fresh: true })).versionId !== refusedVersion;
  }

  async function secretVersion(connection: Connection): Promise<string | undefined> {
    const version = await readCurrent(connection).catch(() => undefined);
    return version?.versionId;
  }
}

function spareOf(stage: SecretStage): SpareStage | undefined {
  return stage === 'AWSCURRENT' ? undefined : stage;
}

/** What a 401 says of the request, not of who sent it, though RFC 6749 §5.2 wants a 400 for it. */
const OF_THE_REQUEST: readonly (string | undefined)[] = [
  'invalid_grant',
  'invalid_scope',
  'unsupported_grant_type',
  // RFC 8628 §3.5
  'authorization_pending',
  'slow_down',
  'access_denied',
  'expired_token',
];

/** RFC 6749 §5.2, RFC 9110 §15.5.2: the refusal that another version of the secret may mend. */
export function isRefusedClient(error: unknown): error is VendorError {
  if (!(error instanceof VendorError)) return false;
  const { vendorError, vendorStatus } = error;
  return vendorError === 'invalid_client' || (vendorStatus === 401 && !OF_THE_REQUEST.includes(vendorError));
}

/** Refusals that a new secret may mend, but that say nothing against the one that was sent. */
function mayBeTheSecret(error: unknown): boolean {
  if (!(error instanceof VendorError)) return false;
  const { vendorError, vendorStatus } = error;
  return vendorError === 'unauthorized_client' || (vendorStatus === 403 && vendorError === undefined);
}

/** A version that is malformed, or of another client than the one that was consented to, changes no refusal. */
function isNoStandIn(error: unknown): boolean {
  return error instanceof BrokerError && ['secret_unavailable', 'consent_required'].includes(error.code);
}

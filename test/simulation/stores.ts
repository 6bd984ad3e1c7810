/** The stores in memory: one truth, and for each process a way to it that has its faults. */
import type { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { Stores } from '../../functions/compose.ts';
import { createSecrets } from '../../shared/aws/secrets.ts';
import type {
  ClientRefusal,
  Grant,
  GrantKey,
  PendingConsent,
  Rescue,
  Stored,
  TokenEntry,
} from '../../shared/broker/ports.ts';
import { StoreUnavailable } from '../../shared/contract/errors.ts';
import type { History, StoreOperation } from './history.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Weather } from './weather.ts';

type Table = 'grants' | 'tokens' | 'secrets';

interface Version {
  readonly versionId: string;
  readonly value: string;
  readonly at: number;
}

/** How long an inconsistent read may show the entry before the last write, in milliseconds. */
const STALE = 500;

/** How long the SDK's clients try before they give up (`shared/aws/clients.ts`), in milliseconds. */
const PATIENCE = { grants: 3_500, tokens: 2_500, secrets: 6_500 } as const;

export interface StoreParts {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly history: History;
  /** Called when a process has taken the lease of a grant. */
  readonly begun: (process: SimulatedProcess) => void;
}

export class SimulatedStores {
  readonly grants = new Map<string, Stored<Grant>>();
  readonly tokens = new Map<string, Stored<TokenEntry>>();
  readonly refusals = new Map<string, Stored<ClientRefusal>>();
  readonly consents = new Map<string, Stored<PendingConsent>>();
  readonly rescues = new Map<string, { readonly rescue: Rescue; readonly visibleAt: number }>();
  /** Versions of each secret, newest last. */
  readonly secrets = new Map<string, Version[]>();
  readonly #parts: StoreParts;
  #revisions = 0;
  readonly #stale = new Map<
    string,
    { readonly entry: Stored<TokenEntry> | undefined; readonly until: number }
  >();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** The stores as one process reaches them. */
  of(process: SimulatedProcess): Stores {
    const { scheduler, history, weather } = this.#parts;
    const run = <T>(
      table: Table,
      operation: string,
      key: string,
      apply: (record: StoreOperation) => T,
      unavailable?: () => Error,
    ) => this.#operate(process, table, operation, key, apply, unavailable);

    const grants: Stores['grants'] = {
      read: (key) =>
        run('grants', 'read', nameOf(key), () => {
          const found = this.grants.get(nameOf(key));
          return found && { ...found, tokens: alive(found.tokens, process.clock.now()) };
        }),
      write: (seen, next) =>
        run('grants', 'write', nameOf(next), (record) => {
          const key = nameOf(next);
          const before = this.grants.get(key);
          record.fits = before?.rev === seen?.rev && before?.generation === seen?.generation;
          if (!record.fits) return undefined;
          const after = { ...next, rev: this.#revision() };
          this.grants.set(key, after);
          history.add({ type: 'grant', at: scheduler.now, process: process.name, key, before, after });
          if (after.lease && after.lease.id !== before?.lease?.id) this.#parts.begun(process);
          return after;
        }),
      remove: (seen) =>
        run('grants', 'remove', nameOf(seen), (record) => {
          const key = nameOf(seen);
          const before = this.grants.get(key);
          record.fits = !before || (before.rev === seen.rev && before.generation === seen.generation);
          if (!record.fits || !before) return record.fits;
          this.grants.delete(key);
          history.add({
            type: 'grant',
            at: scheduler.now,
            process: process.name,
            key,
            before,
            after: undefined,
          });
          return true;
        }),
      due: (_shard, now, limit) =>
        run('grants', 'due', '', () =>
          [...this.grants.values()]
            .filter((grant) => grant.dueAt <= now)
            .sort((a, b) => a.dueAt - b.dueAt)
            .slice(0, limit)
            .map(({ connection, subject }) => ({ connection, subject })),
        ),
      outlines: (connection, limit, after = '') =>
        run('grants', 'outlines', connection, () =>
          [...this.grants.values()]
            .filter((grant) => grant.connection === connection && grant.subject > after)
            .slice(0, limit),
        ),
      outline: (key) => run('grants', 'outline', nameOf(key), () => this.grants.get(nameOf(key))),
      // Values that do not open are none of what is simulated.
      postpone: async () => undefined,
    };

    const tokens: Stores['tokens'] = {
      read: (key, { consistent }) =>
        run('tokens', 'read', key, () => {
          const stale = this.#stale.get(key);
          const outdated = !consistent && stale && stale.until > scheduler.now && weather.random.chance(0.5);
          const found = outdated ? stale.entry : this.tokens.get(key);
          return found && fresh(found, process.clock.now());
        }),
      write: (key, seen, next) =>
        run('tokens', 'write', key, (record) => {
          const before = this.tokens.get(key);
          const after = this.#replace(this.tokens, key, seen, next);
          record.fits = after !== undefined;
          if (!after) return undefined;
          this.#stale.set(key, { entry: before, until: scheduler.now + STALE });
          history.add({ type: 'entry', at: scheduler.now, process: process.name, key, before, after });
          return after;
        }),
    };

    const plain = <T extends object>(table: Table, name: string, entries: Map<string, Stored<T>>) => ({
      read: (key: string) => run(table, `read ${name}`, key, () => entries.get(key)),
      write: (key: string, seen: Stored<T> | undefined, next: T) =>
        run(table, `write ${name}`, key, (record) => {
          const after = this.#replace(entries, key, seen, next);
          record.fits = after !== undefined;
          return after;
        }),
    });
    const consents = plain('grants', 'consent', this.consents);

    const rescues: Stores['rescues'] = {
      save: (grant, rescue) =>
        run('secrets', 'save rescue', rescueName(grant, rescue.attempt), () => {
          const key = rescueName(grant, rescue.attempt);
          const saved = this.rescues.get(key)?.rescue;
          if (saved && saved.refreshToken?.reveal() !== rescue.refreshToken?.reveal())
            throw new StoreUnavailable('Another answer to the same attempt was rescued before.');
          if (saved) return;
          const visibleAt = scheduler.now + weather.secretsLag;
          this.rescues.set(key, { rescue, visibleAt });
          const { attempt } = rescue;
          history.add({
            type: 'rescue',
            at: scheduler.now,
            process: process.name,
            key: nameOf(grant),
            attempt,
            rescue,
            visibleAt,
          });
        }),
      find: (grant, generation, attempt) =>
        run('secrets', 'find rescue', rescueName(grant, attempt), (record) => {
          const found = this.rescues.get(rescueName(grant, attempt));
          const visible = found && (found.visibleAt <= scheduler.now || weather.random.chance(0.3));
          record.fits = visible ?? false;
          // One that was sealed under another generation does not open.
          if (!visible || found.rescue.generation !== generation) return undefined;
          return found.rescue;
        }),
      discard: (grant, attempt) =>
        run('secrets', 'discard rescue', rescueName(grant, attempt), () => {
          if (!this.rescues.delete(rescueName(grant, attempt))) return;
          const key = nameOf(grant);
          history.add({ type: 'rescue', at: scheduler.now, process: process.name, key, attempt });
        }),
    };

    return {
      grants,
      tokens,
      rescues,
      refusals: plain('tokens', 'refusal', this.refusals),
      // Nobody here asks so often that it matters.
      budgets: { spend: async () => true },
      consents: {
        read: async (id) => {
          const found = await consents.read(id);
          return found && timely(found, process.clock.now());
        },
        write: consents.write as Stores['consents']['write'],
      },
      secrets: createSecrets(this.#secretsManager(process), { clock: process.clock }),
    };
  }

  /** A new version of a client secret becomes the current one. */
  putSecret(name: string, value: object): void {
    const versions = this.secrets.get(name) ?? [];
    versions.push({
      versionId: `v${versions.length + 1}`,
      value: JSON.stringify(value),
      at: this.#parts.scheduler.now,
    });
    this.secrets.set(name, versions);
  }

  #replace<T extends object>(
    entries: Map<string, Stored<T>>,
    key: string,
    seen: Stored<T> | undefined,
    next: T,
  ): Stored<T> | undefined {
    if (entries.get(key)?.rev !== seen?.rev) return undefined;
    const after = { ...next, rev: this.#revision() };
    entries.set(key, after);
    return after;
  }

  #revision(): string {
    this.#revisions += 1;
    return `r${this.#revisions}`;
  }

  /** As much of the SDK's client as `shared/aws/secrets.ts` uses, so that its cache is the real one. */
  #secretsManager(process: SimulatedProcess): Parameters<typeof createSecrets>[0] {
    const send = ({ input }: GetSecretValueCommand) =>
      this.#operate(
        process,
        'secrets',
        `get ${input.VersionStage}`,
        input.SecretId ?? '',
        () => this.#versionOf(input.SecretId ?? '', input.VersionStage ?? 'AWSCURRENT'),
        () => Object.assign(new Error('simulated'), { name: 'InternalServiceError' }),
      );
    return { client: { send } as never, timeout: 2 ** 31 - 1 };
  }

  #versionOf(name: string, stage: string): { VersionId: string; SecretString: string } {
    const { scheduler, weather } = this.#parts;
    const versions = this.secrets.get(name) ?? [];
    const visible = versions.filter(
      ({ at }, index) =>
        index === 0 || at + weather.secretsLag <= scheduler.now || weather.random.chance(0.3),
    );
    const found =
      stage === 'AWSCURRENT' ? visible.at(-1) : stage === 'AWSPREVIOUS' ? visible.at(-2) : undefined;
    if (!found) {
      const text = `Secrets Manager can't find the specified secret value for staging label: ${stage}`;
      throw Object.assign(new Error(text), { name: 'ResourceNotFoundException' });
    }
    return { VersionId: found.versionId, SecretString: found.value };
  }

  /** One operation: on its way, applied (or not), and its answer on its way back. */
  #operate<T>(
    process: SimulatedProcess,
    table: Table,
    operation: string,
    key: string,
    apply: (record: StoreOperation) => T,
    unavailable = (): Error => new StoreUnavailable('The simulated store is down.'),
  ): Promise<T> {
    const { scheduler, weather, history } = this.#parts;
    const { random } = weather;
    const fault = weather.ofStore(table, scheduler.now);
    const record: StoreOperation = {
      type: 'store',
      at: scheduler.now,
      process: process.name,
      operation: `${table} ${operation}`,
      key,
      ...(fault && { fault }),
    };
    history.add(record);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const act = (): { value: T } | { error: unknown } => {
      record.appliedAt = scheduler.now;
      try {
        return { value: apply(record) };
      } catch (error) {
        return { error };
      }
    };
    const answer = (answered: { value: T } | { error: unknown }) =>
      process.resume(() => {
        record.answeredAt = scheduler.now;
        record.answer = 'error' in answered ? 'unavailable' : 'ok';
        if ('error' in answered) reject(answered.error);
        else resolve(answered.value);
      });
    const there = random.between(1, 6);
    const back = random.between(1, 6);
    const givingUp = random.chance(0.5) ? random.between(5, 50) : PATIENCE[table];
    if (fault === 'refused' || fault === 'late')
      scheduler.after(givingUp, () => answer({ error: unavailable() }));
    if (fault === 'late') scheduler.after(givingUp + random.pick([1, 100, 2_000, 20_000]), act);
    if (fault === 'lost') {
      scheduler.after(there, act);
      scheduler.after(Math.max(givingUp, there), () => answer({ error: unavailable() }));
    }
    if (fault === undefined || fault === 'slow') {
      const delay = fault ? random.between(200, PATIENCE[table]) : 0;
      scheduler.after(there + delay, () => {
        const applied = act();
        scheduler.after(back, () => answer(applied));
      });
    }
    return promise;
  }
}

export function nameOf({ connection, subject }: GrantKey): string {
  return `${connection}/${subject}`;
}

function rescueName(grant: GrantKey, attempt: string): string {
  return `${nameOf(grant)}-${attempt}`;
}

function alive(tokens: Grant['tokens'], now: number): Grant['tokens'] {
  return Object.fromEntries(Object.entries(tokens).filter(([, token]) => token.expiresAt > now));
}

/** As the table on AWS shows an entry: what is over is left out. */
function fresh(entry: Stored<TokenEntry>, now: number): Stored<TokenEntry> {
  const { token, lease, ...rest } = entry;
  return {
    ...rest,
    ...(token && token.expiresAt > now && { token }),
    ...(lease && lease.until > now && { lease }),
  };
}

/** As the table on AWS shows a consent: one past its time is over, and without its secrets. */
function timely(consent: Stored<PendingConsent>, now: number): Stored<PendingConsent> {
  if (consent.status !== 'pending' || consent.expiresAt > now) return consent;
  const { rev, connection, subject, replace, startedBy, expiresAt, endpoints, scopes } = consent;
  const started = { rev, connection, subject, replace, startedBy, expiresAt, endpoints, scopes };
  return {
    ...started,
    ...(consent.generation !== undefined && { generation: consent.generation }),
    kind: 'closed',
    status: 'expired',
  };
}

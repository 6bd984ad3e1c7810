/** What the broker keeps: key, tables, keyring and client secrets, made here or brought along. */
import { type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct, IConstruct } from 'constructs';
import type { Connection } from '../shared/connections/connection.ts';
import { MAX_SHARDS } from '../shared/contract/tables.ts';
import type { Binding } from './binding.ts';
import type { BrokerFunctions } from './broker-functions.ts';
import { clientSecrets } from './connections-file.ts';
import { createKey } from './encryption.ts';
import { createKeyring, readKeyring, rotateKeyring, scheduleRotation } from './keyring.ts';
import { OperatorError } from './operator-error.ts';
import type { DeploymentProps } from './props.ts';
import { SecretStacks } from './secret-stacks.ts';
import {
  type ClientSecret,
  createPlaceholder,
  discardRescues,
  guardSecret,
  keepRescues,
  readClientSecrets,
} from './secrets.ts';
import {
  createSigningKeys,
  onlySignedBy,
  readPublicHalves,
  type SigningKey,
  signWith,
} from './signing-keys.ts';
import type { Stage } from './stage.ts';
import {
  admitOnly,
  countAndForgetGrants,
  createGrantsTable,
  createTokensTable,
  namedGrantsTable,
  queryDueGrants,
  readWriteGrants,
  readWriteTokens,
  removeGrants,
} from './tables.ts';
import { askForIdentity, type Vouched, vouchedConnections } from './web-identity.ts';

export class Stores {
  readonly key: IKey;
  readonly tokens: ITable;
  readonly grants: ITable;
  readonly shards: number;
  /** What would be made anew, empty, under the name that another stage gives it. */
  readonly named: readonly IConstruct[];
  readonly #scope: Construct;
  readonly #stage: Stage;
  readonly #props: DeploymentProps;
  readonly #secrets: readonly ClientSecret[];
  readonly #signingKeys: readonly SigningKey[];
  readonly #vouched: readonly Vouched[];
  readonly #keyring: string;
  readonly #secretStacks: SecretStacks;

  /** Made in `scope` itself, so that their logical ids do not depend on how this code is arranged. */
  constructor(scope: Construct, stage: Stage, connections: readonly Connection[], props: DeploymentProps) {
    this.#scope = scope;
    this.#stage = stage;
    this.#props = props;
    this.#secrets = clientSecrets(connections, stage);
    this.#signingKeys = createSigningKeys(scope, stage, connections, props.breakGlass ?? []);
    this.#vouched = vouchedConnections(connections);
    this.#secretStacks = new SecretStacks(scope, 'Secrets');
    this.key = props.key ?? createKey(scope, props.breakGlass ?? []);
    const named = { stage, key: this.key };
    this.tokens = props.tokensTable ?? createTokensTable(scope, named);
    this.grants = props.grantsTable ?? namedGrantsTable(scope, stage);
    const keyring = props.keyring === undefined ? createKeyring(scope, named) : undefined;
    this.#keyring = props.keyring ?? keyring!.ref;
    this.named = [this.tokens, this.#secretStacks, ...(keyring ? [keyring] : [])];
    this.shards = checkedShards(props.shards ?? 1);
  }

  /** For every function that asks vendors for tokens. */
  get brokerBindings(): Binding[] {
    return [...this.#bindingsFor(() => true), keepRescues(this.#stage)];
  }

  /** For the function that redeems codes and shows public keys. */
  get publicBindings(): Binding[] {
    return [
      ...this.#bindingsFor(({ open }) => open),
      readPublicHalves(this.#signingKeys),
      discardRescues(this.#stage),
    ];
  }

  #bindingsFor(concerned: (what: { readonly open: boolean }) => boolean): Binding[] {
    const keys = [this.key, ...(this.#props.secretKeys ?? [])];
    return [
      readWriteTokens(this.tokens, this.key),
      readWriteGrants(this.grants, this.key, this.shards),
      readClientSecrets(this.#secrets.filter(concerned), keys, this.#stage),
      signWith(this.#signingKeys.filter(concerned)),
      askForIdentity(this.#vouched.filter(concerned)),
      readKeyring(this.#keyring, this.key),
    ];
  }

  get grantsBinding(): Binding {
    return countAndForgetGrants(this.grants, this.key);
  }

  get sweepBindings(): Binding[] {
    return [this.dueBinding, removeGrants(this.grants)];
  }

  get dueBinding(): Binding {
    return queryDueGrants(this.grants, this.key);
  }

  get sealingKeyBindings(): Binding[] {
    return [rotateKeyring(this.#keyring, this.key), this.dueBinding];
  }

  /** Of the tables that are made here. */
  #admitted: readonly string[] = [];

  /** The placeholders and who may read what, once the functions' roles are known. */
  protect(functions: BrokerFunctions): void {
    const brokers = functions.brokers.map(({ role }) => role.roleArn);
    const existing = new Set(this.#props.existingSecrets ?? []);
    const { breakGlass = [] } = this.#props;
    this.#admitted = [...brokers, functions.sealingKey.role.roleArn, ...breakGlass];
    if (this.tokens instanceof Table) admitOnly(this.tokens, this.#admitted);
    this.#refuseUnknown(existing);
    const consenting = functions.callback.role.roleArn;
    for (const secret of this.#secrets.filter((each) => each.own && !existing.has(each.secret))) {
      const scope = this.#secretStacks.of(secret);
      const placeholder = createPlaceholder(scope, secret, this.key);
      const readers = brokers.filter((role) => secret.open || role !== consenting);
      guardSecret(scope, `Readers-${secret.id}`, placeholder.ref, {
        readers: [...readers, ...(this.#props.secretReaders ?? [])],
        breakGlass,
      });
    }
    for (const key of this.#signingKeys) {
      const signers = brokers.filter((role) => key.open || role !== consenting);
      onlySignedBy(key, [...signers, ...breakGlass]);
    }
    const rotation = functions.sealingKey.role.roleArn;
    guardSecret(this.#scope, 'KeyringReaders', this.#keyring, {
      readers: [...brokers, rotation],
      writers: [rotation],
      breakGlass,
    });
    scheduleRotation(this.#scope, this.#keyring, functions.sealingKey);
  }

  /** @param others what is made before: all that could fail @returns the table, unless it was brought along */
  createGrantsTable(others: readonly IConstruct[]): readonly IConstruct[] {
    if (this.#props.grantsTable) return [];
    const table = createGrantsTable(this.#scope, { stage: this.#stage, key: this.key, others });
    admitOnly(table, this.#admitted);
    return [table];
  }

  /** A misspelt name would be made, and the real one never read. */
  #refuseUnknown(existing: ReadonlySet<string>): void {
    const names = this.#secrets.filter(({ own }) => own).map(({ secret }) => secret);
    const unknown = [...existing].filter((name) => !names.includes(name));
    if (unknown.length === 0) return;
    throw new OperatorError(
      `existingSecrets names ${unknown.join(', ')}, which are not secrets that the stack would make. It makes: ${names.join(', ')}.`,
    );
  }
}

function checkedShards(shards: number): number {
  if (Number.isInteger(shards) && shards >= 1 && shards <= MAX_SHARDS) return shards;
  throw new OperatorError(`shards is ${shards}; it is a whole number from 1 to ${MAX_SHARDS}.`);
}

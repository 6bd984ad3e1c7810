/**
 * The broker, put together. This file shows what a request goes through:
 *
 *   audited ( authorized ( work ) )
 *
 * This is the only place that sees the stores on AWS and the list of vendors at once.
 */

import { createBudgetTable } from '../shared/aws/budget-table.ts';
import { type AwsConfig, grantsClient, secretsManagerClient, tokensClient } from '../shared/aws/clients.ts';
import { createConsentsTable } from '../shared/aws/consents-table.ts';
import { createGrantsTable } from '../shared/aws/grants-table.ts';
import { createRefusalsTable } from '../shared/aws/refusals-table.ts';
import { createRescues } from '../shared/aws/rescues.ts';
import { createSealer } from '../shared/aws/sealing.ts';
import { createSecrets } from '../shared/aws/secrets.ts';
import { createTokensTable } from '../shared/aws/tokens-table.ts';
import {
  type Ask,
  audited,
  authorized,
  type Operation,
  type Permitted,
  unreadRefusals,
  watched,
} from '../shared/broker/audit.ts';
import { authorizer, type Target } from '../shared/broker/authorize.ts';
import { consents } from '../shared/broker/consent/callback.ts';
import { grantStorer } from '../shared/broker/consent/store-grant.ts';
import type { Observe } from '../shared/broker/events.ts';
import { describer } from '../shared/broker/grants/describe.ts';
import { grantLister } from '../shared/broker/grants/list-grants.ts';
import { refresher } from '../shared/broker/grants/refresh.ts';
import { followingRenames } from '../shared/broker/grants/renamed.ts';
import { type Forget, revoker } from '../shared/broker/grants/revoke.ts';
import { refreshingSupply } from '../shared/broker/grants/supply.ts';
import { sweeper } from '../shared/broker/grants/sweep.ts';
import { lister } from '../shared/broker/list.ts';
import type {
  BudgetTable,
  ConsentsTable,
  GrantsTable,
  RefusalsTable,
  Rescues,
  Secrets,
  TokenEntry,
  TokensTable,
} from '../shared/broker/ports.ts';
import { type FindConnection, type Found, isGrant } from '../shared/broker/request.ts';
import { PRODUCTION, type Timing } from '../shared/broker/times.ts';
import { mintingSupply } from '../shared/broker/tokens/mint.ts';
import { type Remembered, resolver } from '../shared/broker/tokens/resolve.ts';
import { userinfo } from '../shared/broker/tokens/userinfo.ts';
import { vendorAccess } from '../shared/broker/vendor/access.ts';
import { vendorBudget } from '../shared/broker/vendor/budget.ts';
import { keySets } from '../shared/broker/vendor/jwks.ts';
import { clientRefusals } from '../shared/broker/vendor/refusals.ts';
import type { Connection } from '../shared/connections/connection.ts';
import { MemoryCache } from '../shared/contract/memory-cache.ts';
import { actionOf, type CallerOperation, pathOf } from '../shared/contract/routes.ts';
import { type Clock, systemClock } from '../shared/oauth/clock.ts';
import { createDiscovery } from '../shared/oauth/discovery.ts';
import type { Exchange } from '../shared/oauth/exchange.ts';
import { VENDORS } from '../shared/vendors/index.ts';
import type { Vendor } from '../shared/vendors/vendor.ts';
import {
  toConsentStart,
  toConsentStep,
  toDescription,
  toGrantList,
  toRevocation,
  toTokenRequest,
  toUserinfoRequest,
} from './requests.ts';
import { tokenAnswers } from './token-answer.ts';

/** Everything outside that the broker keeps something in. */
export interface Stores {
  readonly tokens: TokensTable;
  readonly refusals: RefusalsTable;
  readonly consents: ConsentsTable;
  readonly budgets: BudgetTable;
  readonly grants: GrantsTable;
  readonly rescues: Rescues;
  readonly secrets: Secrets;
}

interface AwsStoresParts {
  /** For the SDK's clients; absent, they take all from the environment, as in Lambda. */
  readonly aws?: AwsConfig;
  readonly tokensTable: string;
  readonly grantsTable: string;
  readonly keyringSecret: string;
  readonly rescuePrefix: string;
  readonly shards: number;
  readonly clock?: Clock;
}

export function awsStores(parts: AwsStoresParts): Stores {
  const { aws, shards, clock = systemClock } = parts;
  const secretsManager = secretsManagerClient(aws, clock);
  // A failing cache is given up on soon, a failing grant store is not.
  const dynamo = grantsClient(aws, clock);
  const sealer = createSealer(secretsManager, { secret: parts.keyringSecret, clock });
  const disposable = { dynamo: tokensClient(aws, clock), table: parts.tokensTable, sealer, clock };
  return {
    tokens: createTokensTable(disposable),
    refusals: createRefusalsTable(disposable),
    budgets: createBudgetTable(disposable),
    // A consent that cannot be read is a person sent away, not a cache miss: it gets the grants' client.
    consents: createConsentsTable({ ...disposable, dynamo }),
    grants: createGrantsTable({
      dynamo,
      table: parts.grantsTable,
      sealer,
      clock,
      shards,
    }),
    rescues: createRescues(secretsManager, { prefix: parts.rescuePrefix, sealer }),
    secrets: createSecrets(secretsManager, { clock }),
  };
}

interface Composition {
  readonly connections: ReadonlyMap<string, Connection>;
  readonly stores: Stores;
  readonly observe: Observe;
  /** Without a trailing slash; the routes are below it. */
  readonly publicUrl: string;
  readonly allowLoopbackHttp?: boolean;
  readonly vendors?: Readonly<Record<string, Vendor>>;
  readonly clock?: Clock;
  readonly timing?: Timing;
  /** How vendors are reached; absent: over the network. */
  readonly exchange?: Exchange;
  /** Measures how long a store is silent; absent: the system's timers. */
  readonly pause?: Clock['sleep'];
}

export type Broker = ReturnType<typeof compose>;
/** One for each route that callers sign. */
type Operations = Readonly<Record<CallerOperation, Operation<object>>>;

export function compose(composition: Composition) {
  const { connections, observe, publicUrl } = composition;
  const { vendors = VENDORS, allowLoopbackHttp = false } = composition;
  const { clock = systemClock, timing = PRODUCTION, exchange, pause } = composition;
  const stores = {
    ...composition.stores,
    ...followingRenames(connections.values(), { ...composition.stores, clock }),
  };
  const spend = vendorBudget({ budgets: stores.budgets, clock });
  const common = { ...stores, clock, timing, observe, spend, ...(pause && { pause }) };

  const found = new Map(
    [...connections].flatMap(([name, connection]): [string, Found][] => {
      const vendor = vendors[connection.vendor];
      return vendor ? [[name, { connection, vendor: vendor.adapted?.(connection) ?? vendor }]] : [];
    }),
  );
  const find: FindConnection = (name) => found.get(name);

  const access = vendorAccess({
    ...common,
    refusals: clientRefusals(stores.refusals, clock, timing),
    discovery: createDiscovery({ clock, allowLoopbackHttp }),
    ...(exchange && { exchange }),
  });
  const memory = new MemoryCache<Remembered>();
  const forget: Forget = ({ connection, subject }) =>
    memory.forget((entry) => entry.connection === connection && entry.subject === subject);
  const { revoke, endLate, finish: finishRevocation } = revoker({ ...common, access, forget });
  const renewal = refresher({ ...common, access, endLate });

  const fallback = new MemoryCache<TokenEntry>();
  const resolve = resolver({
    ...common,
    memory,
    supplyOf: (request) =>
      isGrant(request.connection)
        ? refreshingSupply({ ...common, ...renewal, access, memory }, request)
        : mintingSupply({ ...common, access, fallback }, request),
  });

  const consenting = consents({
    ...common,
    access,
    find,
    storeGrant: grantStorer({ ...common, access, endLate, forget }),
    urls: {
      consent: (secret) => publicUrl + pathOf('GET /consent/{secret}', { secret }),
      callback: (connection) => publicUrl + pathOf('GET /callback/{connection}', { connection }),
    },
  });
  const gate = { authorizer: authorizer(connections), find };
  const describe = operation('describe', toDescription, describer(stores));
  const operations = {
    token: operation('token', toTokenRequest, tokenAnswers(resolve, clock)),
    userinfo: operation('userinfo', toUserinfoRequest, userinfo({ source: resolve, access, spend, clock })),
    describe,
    list: lister(gate.authorizer, describe),
    grants: operation('grants', toGrantList, grantLister(stores)),
    startConsent: operation('startConsent', toConsentStart, consenting.start),
    proceedConsent: operation('proceedConsent', toConsentStep, consenting.proceed),
    revoke: operation('revoke', toRevocation, revoke),
  } satisfies Operations;
  return {
    ...operations,
    publicUrl,
    refuseUnread: unreadRefusals(common),
    callback: watched(common, consenting.callback),
    consentPage: watched(common, consenting.pages.view),
    continueConsent: watched(common, consenting.pages.goOn),
    jwks: watched(common, keySets({ ...common, connections, access }), 'read'),
    sweep: sweeper({ ...common, refresher: renewal, finishRevocation, find }),
  };

  /** What a caller's request goes through, whatever it asks for. */
  function operation<Request extends Target, Output>(
    name: CallerOperation,
    toRequest: (found: Found, ask: Ask) => Request,
    work: Permitted<Request, Output>,
  ): Operation<Output> {
    const action = actionOf(name);
    return audited(common, action, authorized(gate, action, toRequest, work));
  }
}

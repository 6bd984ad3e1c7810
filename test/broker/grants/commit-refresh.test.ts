import { createHash } from 'node:crypto';
import { ListSecretsCommand } from '@aws-sdk/client-secrets-manager';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Stores } from '../../../functions/compose.ts';
import { grantName } from '../../../shared/aws/grant-item.ts';
import { StoreUnavailable } from '../../../shared/contract/errors.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
import type { Fault } from '../../support/fault-proxy.ts';
import { type GrantProcess, grantProcess, hooked, quick, revocable } from '../../support/grants.ts';
import { openStores } from '../../support/stores.ts';

const world = brokerWorld();

/** A refresh token works once; where it may be revoked, and comes again, the whole grant ends. */
beforeEach(() => {
  world.vendors.bipsync.set({ reuse_detection: true });
});

/** A deadline that a test can wait for. */
const timing = { ...quick, deadline: 4_000, storeReserve: 2_000 };

interface Scene {
  /** A sound process, on the grant that is due. */
  readonly sound: GrantProcess;
  /** Another process on the same grant, with stores that do what a test wants. */
  with(change: (stores: Stores) => Stores): GrantProcess;
}

async function scene(): Promise<Scene> {
  const connection = await revocable(world);
  const sound = grantProcess(world, connection, { timing });
  await sound.consent();
  untilTokensExpire();
  world.vendors.bipsync.counters.reset();
  return { sound, with: (stores) => grantProcess(world, connection, { timing, stores }) };
}

/** So that no live token hides what becomes of a refresh. */
const untilTokensExpire = () => world.clock.advance(3_600_000);
const pastTheLease = () => world.clock.advance(31_000);
const vendor = () => world.vendors.bipsync.counters.snapshot();
const spent = () => world.vendors.bipsync.counters.received('token', 'refresh_token');

/** The vendor still honours what is stored, and nothing of any rescue is left over. */
async function expectAlive({ sound }: Scene): Promise<void> {
  world.dynamodb.heal();
  world.secretsManager.heal();
  pastTheLease();
  untilTokensExpire();
  expect(await sound.token()).toMatchObject({ source: 'vendor' });
  expect(vendor().family_burns).toBe(0);
  expect(await sound.grant()).toMatchObject({ status: 'active', attempts: [] });
}

/** How many rescued answers of the grant there are. */
async function rescues({ sound }: Scene): Promise<number> {
  const { manager } = openStores(world.origins, world.names, world.clock);
  const key = { connection: sound.connection.name, subject: 'default' };
  const name = createHash('sha256').update(grantName(key)).digest('base64url');
  const command = new ListSecretsCommand({
    Filters: [{ Key: 'name', Values: [`${world.names.rescuePrefix}${name}`] }],
  });
  return (await manager.client.send(command)).SecretList?.length ?? 0;
}

/** A request with time enough to see the clock put past a lease. */
const patient = (process: GrantProcess) => process.token({}, { remaining: 86_400_000 });

const unavailable = (): never => {
  throw new StoreUnavailable('The broker could not write an item: injected.');
};

/** DynamoDB is gone once the vendor has answered, until the deadline has come. */
const gone = (stores: Stores) =>
  hooked(stores, {
    before(count) {
      if (count === 1) return;
      world.clock.advance(4_000);
      unavailable();
    },
  });

/** Holds back what reaches it until it is opened. */
function gate() {
  const { promise: open, resolve } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const pass = async () => {
    reach();
    await open;
  };
  return { pass, reached, open: resolve };
}

describe('a commit', () => {
  test.each([1, 3])('that fails %i times is repeated, and its rescue cleared away', async (times) => {
    const here = await scene();
    let failures = 0;
    const process = here.with((stores) =>
      hooked(stores, { before: (count) => (count > 1 && failures++ < times ? unavailable() : undefined) }),
    );
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(process.changes()).toEqual(['refreshed']);
    expect(await rescues(here)).toBe(0);
    await expectAlive(here);
  });

  test.each<Fault>(['reset', 'error_500', 'throttle'])(
    'that DynamoDB answers with %s once is repeated by the SDK, and noticed by nobody',
    async (fault) => {
      const here = await scene();
      const inject = () => world.dynamodb.inject(fault, { operation: 'PutItem', times: 1 });
      const process = here.with((stores) =>
        hooked(stores, { before: (count) => (count === 2 ? inject() : undefined) }),
      );
      expect(await process.token()).toMatchObject({ source: 'vendor' });
      expect(process.changes()).toEqual(['refreshed']);
      await expectAlive(here);
    },
  );

  test.each<Fault>(['applied_then_reset', 'applied_then_500', 'applied_then_hang'])(
    'that is applied while its answer is lost (%s) recognises itself',
    async (fault) => {
      const here = await scene();
      const inject = () => world.dynamodb.inject(fault, { operation: 'PutItem', times: 1 });
      const process = here.with((stores) =>
        hooked(stores, { before: (count) => (count === 2 ? inject() : undefined) }),
      );
      expect(await process.token()).toMatchObject({ source: 'vendor' });
      expect(process.changes()).toEqual(['refreshed']);
      await expectAlive(here);
    },
  );

  test('that is applied while every answer is lost is found applied', async () => {
    const here = await scene();
    let lost = 0;
    const process = here.with((stores) =>
      hooked(stores, { after: (count) => (count > 1 && lost++ < 1 ? unavailable() : undefined) }),
    );
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(process.changes()).toEqual(['refreshed']);
    expect(await rescues(here)).toBe(0);
    await expectAlive(here);
  });

  /** Its commit is applied, and another refresh comes on top of it, before it hears that the commit failed. */
  const refreshedOnTop = ({ sound }: Scene, stores: Stores) =>
    hooked(stores, {
      async after(count) {
        if (count !== 2) return;
        const { tokens } = await sound.grant();
        await sound.token({ rejected: tokens['research:read']!.fingerprint });
        unavailable();
      },
    });

  test('whose answer is lost while another process refreshes on top of it revokes nothing', async () => {
    const here = await scene();
    const process = here.with((stores) => refreshedOnTop(here, stores));
    const answer = await patient(process);
    const { tokens } = await here.sound.grant();
    expect(answer.access_token).toBe(tokens['research:read']?.accessToken.reveal());
    expect(vendor()).toMatchObject({ revocations: 0, refreshes: 2 });
    await expectAlive(here);
  });

  test('that another refresh has outrun revokes nothing while the table does not say what stands there', async () => {
    const here = await scene();
    let reads = 0;
    const process = here.with((stores) => {
      const { grants } = refreshedOnTop(here, stores);
      const read: typeof grants.read = async (key) => {
        // The first tells that another refresh was faster.
        if (spent() > 1 && ++reads > 1) unavailable();
        return grants.read(key);
      };
      return { ...stores, grants: { ...grants, read } };
    });
    await process.token().catch(() => undefined);
    expect(process.changes()).toEqual(['superseded']);
    expect(vendor()).toMatchObject({ revocations: 0, refreshes: 2 });
    await expectAlive(here);
  });
});

describe('a rescue', () => {
  /** As it is on the wire: DynamoDB is gone from the moment on at which the vendor has answered. */
  const goneAfterTheVendor = (fault: Fault) => (stores: Stores) =>
    hooked(stores, { before: (count) => (count === 2 ? world.dynamodb.inject(fault) : undefined) });

  test.each<Fault>(['reset', 'throttle', 'hang'])(
    'holds the answer when DynamoDB is gone (%s), and is adopted by the next refresh',
    async (fault) => {
      const here = await scene();
      const process = here.with(goneAfterTheVendor(fault));
      // What the vendor gave is good, whatever became of the store.
      expect(await process.token()).toMatchObject({ source: 'vendor' });
      expect(process.changes()).toEqual(['rescued']);
      world.dynamodb.heal();
      expect(await here.sound.describe()).toMatchObject({ grant_status: 'in_doubt' });
      expect(await rescues(here)).toBe(1);

      pastTheLease();
      expect(await here.sound.token()).toMatchObject({ source: 'table' });
      expect(here.sound.changes().slice(-1)).toEqual(['adopted']);
      expect(spent()).toBe(1);
      expect(await rescues(here)).toBe(0);
      await expectAlive(here);
    },
  );

  test('is adopted by the sweep, if that comes first', async () => {
    const here = await scene();
    await here.with(gone).token();
    pastTheLease();
    expect(await here.sound.sweep()).toMatchObject({ failed: 0 });
    expect(here.sound.changes().slice(-1)).toEqual(['adopted']);
    expect(spent()).toBe(1);
    await expectAlive(here);
  });

  test('that comes late, of an attempt that had in fact committed, is never adopted', async () => {
    const here = await scene();
    await here.sound.token();
    const grant = await here.sound.grant();
    const attempt = grant.lastAttempt!;
    const { generation } = grant;
    await here.sound.stores.rescues.save(grant, {
      attempt,
      generation,
      refreshToken: new Redacted('stale'),
      scopeKey: 'research:read',
    });
    await here.sound.stores.grants.write(grant, { ...grant, attempts: ['left-behind'], dueAt: 0 });
    await expectAlive(here);
    expect(here.sound.changes()).not.toContain('adopted');
    await here.sound.stores.rescues.discard(grant, attempt);
  });

  test('of an earlier generation is never adopted, and does not open', async () => {
    const here = await scene();
    await here.with(gone).token();
    const [attempt] = (await here.sound.grant()).attempts;
    const again = await here.sound.consent('default', { replace: true });
    expect(again.attempts).toEqual([]);
    expect(await here.sound.stores.rescues.find(again, again.generation, attempt!)).toBeUndefined();
    await expectAlive(here);
  });

  test('of the newer of two overlapping holders is adopted, and both are cleared away', async () => {
    const here = await scene();
    world.vendors.bipsync.set({ grace_window: 600 });
    const { pass, reached, open } = gate();
    const first = here.with((stores) =>
      hooked(stores, { before: (count) => (count === 2 ? pass().then(unavailable) : undefined) }),
    );
    const slow = patient(first);
    await reached;
    pastTheLease();
    const second = here.with(gone);
    await second.token();
    open();
    await slow.catch(() => undefined);
    expect([first.changes(), second.changes()]).toEqual([['rescued'], ['rescued']]);
    expect(await rescues(here)).toBe(2);
    pastTheLease();
    untilTokensExpire();
    await here.sound.token();
    expect(here.sound.changes()).toContain('adopted');
    expect(await rescues(here)).toBe(0);
    await expectAlive(here);
  });

  test('that is not to be seen yet when the vendor says invalid_grant still mends the grant', async () => {
    const here = await scene();
    world.vendors.bipsync.set({ reuse_detection: false });
    await here.with(gone).token();
    pastTheLease();
    const blind = here.with((stores) => ({
      ...stores,
      rescues: { ...stores.rescues, find: async () => undefined },
    }));
    untilTokensExpire();
    expect(await refusal(blind.token())).toMatchObject({ error: 'consent_required' });
    world.clock.advance(61_000);
    await here.sound.sweep();
    expect(here.sound.changes().slice(-1)).toEqual(['adopted']);
    await expectAlive(here);
  });

  test('that is to be seen only when the vendor has said invalid_grant is adopted instead of believing it', async () => {
    const here = await scene();
    world.vendors.bipsync.set({ reuse_detection: false });
    await here.with(gone).token();
    pastTheLease();
    untilTokensExpire();
    let looks = 0;
    const blind = here.with((stores) => ({
      ...stores,
      rescues: {
        ...stores.rescues,
        // The attempt left behind is looked for before sending, and again after the refusal.
        find: async (...key) => (looks++ < 1 ? undefined : stores.rescues.find(...key)),
      },
    }));
    expect(await blind.token()).toMatchObject({ source: 'vendor' });
    expect(blind.changes()).toEqual(['adopted', 'refreshed']);
    await expectAlive(here);
  });

  test('that cannot be looked for lets nothing be sent, and leaves no attempt behind', async () => {
    const here = await scene();
    await here.with(gone).token();
    const { attempts } = await here.sound.grant();
    pastTheLease();
    untilTokensExpire();
    const blind = here.with((stores) => ({
      ...stores,
      rescues: { ...stores.rescues, find: async () => unavailable() },
    }));
    const before = spent();
    for (let ask = 0; ask < 3; ask += 1) {
      expect(await refusal(blind.token())).toMatchObject({ error: 'store_unavailable' });
    }
    expect(spent()).toBe(before);
    expect((await here.sound.grant()).attempts).toEqual(attempts);
    await expectAlive(here);
  });

  test('that does not open stops the grant, and stays as it is', async () => {
    const here = await scene();
    const grant = await here.sound.grant();
    const { stores } = here.sound;
    const foreign = { attempt: 'attempt', generation: 'another', scopeKey: '' };
    await stores.rescues.save(grant, { ...foreign, refreshToken: new Redacted('x') });
    await stores.grants.write(grant, { ...grant, attempts: ['attempt'] });
    expect(await refusal(here.sound.token())).toMatchObject({ error: 'store_unavailable' });
    expect(here.sound.events).toContainEqual(expect.objectContaining({ type: 'unreadable_value' }));
    expect(spent()).toBe(0);
    expect(await rescues(here)).toBe(1);
    await stores.rescues.discard(grant, 'attempt');
    await expectAlive(here);
  });

  test('that fails like everything else leaves the grant in doubt, and says so', async () => {
    const here = await scene();
    const process = here.with((stores) => ({
      ...gone(stores),
      rescues: { ...stores.rescues, save: async () => unavailable() },
    }));
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(process.changes()).toEqual(['in_doubt']);
    expect(await here.sound.describe()).toMatchObject({ grant_status: 'in_doubt' });
  });
});

describe('a holder whose lease was taken over', () => {
  /** The first process has the vendor's answer and cannot write; the clock has passed its lease. */
  async function overtaken(here: Scene, meanwhile: () => Promise<unknown>) {
    const { pass, reached, open } = gate();
    const process = here.with((stores) =>
      hooked(stores, { before: (count) => (count === 2 ? pass() : undefined) }),
    );
    const slow = patient(process);
    await reached;
    pastTheLease();
    await meanwhile();
    open();
    await slow.catch(() => undefined);
    return process;
  }

  test('still commits when the other has come to nothing', async () => {
    const here = await scene();
    world.vendors.bipsync.set({ grace_window: 600 });
    const process = await overtaken(here, async () => {
      world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'token' });
      await refusal(here.sound.token());
    });
    expect(process.changes()).toEqual(['refreshed']);
    await expectAlive(here);
  });

  test("brings the grant back whose end the vendor had told the other's older refresh token", async () => {
    const here = await scene();
    world.vendors.bipsync.set({ reuse_detection: false });
    const process = await overtaken(here, async () => {
      expect(await refusal(here.sound.token())).toMatchObject({ error: 'consent_required' });
    });
    expect(process.changes()).toEqual(['refreshed']);
    await expectAlive(here);
  });

  test("gives way to the other's answer, and revokes nothing of the same consent", async () => {
    const here = await scene();
    world.vendors.bipsync.set({ grace_window: 600 });
    const process = await overtaken(here, () => here.sound.token());
    expect(process.changes()).toEqual(['superseded']);
    expect(vendor().revocations).toBe(0);
    await expectAlive(here);
  });

  test('rescues while the other is at work, and the other adopts it', async () => {
    const here = await scene();
    world.vendors.bipsync.set({ reuse_detection: false });
    const { pass, reached, open } = gate();
    const other = here.with((stores) =>
      hooked(stores, { after: (count) => (count === 1 ? pass() : undefined) }),
    );
    let working: Promise<unknown> | undefined;
    const process = await overtaken(here, async () => {
      working = patient(other);
      await reached;
    });
    expect(process.changes()).toEqual(['rescued']);
    open();
    await working?.catch(() => undefined);
    expect(other.changes()).toEqual(['adopted']);
    expect(spent()).toBe(1);
    await expectAlive(here);
  });

  test('that was frozen before sending sends nothing and writes nothing', async () => {
    const here = await scene();
    const process = here.with((stores) =>
      hooked(stores, {
        async after(count) {
          if (count !== 1) return;
          pastTheLease();
          await here.sound.token();
        },
      }),
    );
    const before = world.dynamodb.seen.get('PutItem')!;
    await patient(process).catch(() => undefined);
    // Both began, one committed; the frozen one's note found another's revision.
    expect(spent()).toBe(1);
    expect(world.dynamodb.seen.get('PutItem')! - before).toBe(4);
    await expectAlive(here);
  });
});

describe('a consent or a revocation in the middle of a refresh', () => {
  async function inTheMiddle(here: Scene, meanwhile: () => Promise<unknown>) {
    const { pass, reached, open } = gate();
    const process = here.with((stores) =>
      hooked(stores, { before: (count) => (count === 2 ? pass() : undefined) }),
    );
    const refresh = patient(process).catch((error: unknown) => error);
    await reached;
    await meanwhile();
    open();
    return { process, answer: await refresh };
  }

  test('a consent wins, and the refresh token that came too late is not revoked, which might end both', async () => {
    const here = await scene();
    const { process, answer } = await inTheMiddle(here, () =>
      here.sound.consent('default', { replace: true }),
    );
    expect(process.changes()).toEqual(['superseded']);
    expect(vendor().revocations).toBe(0);
    const { tokens } = await here.sound.grant();
    expect(answer).toMatchObject({ access_token: tokens['research:read']?.accessToken.reveal() });
    await expectAlive(here);
  });

  test('a revocation wins: nothing is given, and both refresh tokens are revoked at the vendor', async () => {
    const here = await scene();
    const { process, answer } = await inTheMiddle(here, () => here.sound.revoke());
    expect(process.changes()).toEqual(['superseded']);
    expect(answer).toMatchObject({ code: 'consent_required' });
    expect(vendor().revocations).toBe(2);
    await expect(here.sound.grant()).rejects.toThrow('no grant');
  });

  test('a revoked grant does not come back through its rescue, whose refresh token is revoked too', async () => {
    const here = await scene();
    await here.with(gone).token();
    expect(await rescues(here)).toBe(1);
    expect(await here.sound.revoke()).toEqual({ status: 'revoked', vendor: 'revoked' });
    expect(vendor().revocations).toBe(2);
    expect(await rescues(here)).toBe(0);
    pastTheLease();
    await here.sound.sweep();
    expect(await refusal(here.sound.token())).toMatchObject({ error: 'consent_required' });
  });

  test('a revocation whose vendor is out lets no late answer back in either', async () => {
    const here = await scene();
    const { process, answer } = await inTheMiddle(here, async () => {
      world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'revoke', times: 0 });
      expect(await refusal(here.sound.revoke())).toMatchObject({ error: 'vendor_unavailable' });
    });
    expect(answer).toMatchObject({ code: 'consent_required' });
    expect(process.changes()).toEqual(['superseded']);
    const tombstone = await here.sound.grant();
    expect(tombstone.status).toBe('revoked');
    expect(tombstone.tokens).toEqual({});
    // The vendor is told of the answer, too, once it can be.
    world.vendors.bipsync.setFault();
    world.clock.advance(tombstone.dueAt - world.clock.now());
    expect(await here.sound.sweep()).toMatchObject({ failed: 0 });
    expect(world.vendors.bipsync.isLive(tombstone.refreshToken!.reveal())).toBe(false);
    await expect(here.sound.grant()).rejects.toThrow('no grant');
  });
});

import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test } from 'vitest';
import type { Rescue } from '../../shared/broker/ports.ts';
import { StoreUnavailable, UnreadableValue } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { StoreSuite } from './store-tests.ts';
import { aGrant, aLongToken, aToken } from './stores.ts';

export function rescuesTests(suite: () => StoreSuite, anySize: boolean): void {
  afterEach(() => suite().managerProxy.heal());

  function aRescue(): Rescue {
    return {
      attempt: randomUUID(),
      generation: randomUUID(),
      refreshToken: new Redacted(`refresh-${randomUUID()}`),
      refreshTokenEndsAt: suite().clock.now() + 86_400_000,
      token: aToken(suite().clock.now()),
      scopeKey: 'read',
    };
  }

  async function namesOf(attempt: string): Promise<string[]> {
    const filter = { Key: 'name' as const, Values: [suite().names.rescuePrefix] };
    const command = new ListSecretsCommand({ Filters: [filter], MaxResults: 100 });
    const { SecretList: secrets = [] } = await suite().stores.manager.client.send(command);
    return secrets.map(({ Name: name }) => name!).filter((name) => name.endsWith(attempt));
  }

  test('another process finds a rescued answer by its attempt, until it is discarded', async () => {
    const { stores, faulty, clock } = suite();
    const [grant, rescue] = [aGrant(clock.now()), aRescue()];
    await stores.rescues.save(grant, rescue);
    const found = await faulty.rescues.find(grant, rescue.generation, rescue.attempt);
    expect(found).toEqual(rescue);
    expect(found?.refreshToken?.reveal()).toBe(rescue.refreshToken?.reveal());
    expect(found?.token?.accessToken.reveal()).toBe(rescue.token?.accessToken.reveal());
    expect(await stores.rescues.find(grant, rescue.generation, randomUUID())).toBeUndefined();
    await stores.rescues.discard(grant, rescue.attempt);
    expect(await stores.rescues.find(grant, rescue.generation, rescue.attempt)).toBeUndefined();
    await stores.rescues.discard(grant, rescue.attempt);
  });

  test('a rescued answer is sealed, for its grant, generation and attempt alone', async () => {
    const { stores, names, clock } = suite();
    const [grant, rescue] = [aGrant(clock.now()), aRescue()];
    await stores.rescues.save(grant, rescue);
    const [name] = await namesOf(rescue.attempt);
    expect(name?.startsWith(names.rescuePrefix)).toBe(true);
    const command = new GetSecretValueCommand({ SecretId: name });
    const { SecretString: text } = await stores.manager.client.send(command);
    expect(text).not.toContain(rescue.refreshToken?.reveal());
    await expect(stores.rescues.find(grant, randomUUID(), rescue.attempt)).rejects.toThrow(UnreadableValue);
    // Under the name of another attempt it does not open either.
    const other = randomUUID();
    const moved = { Name: name?.replace(rescue.attempt, other), SecretString: text };
    await stores.manager.client.send(new CreateSecretCommand(moved));
    await expect(stores.rescues.find(grant, rescue.generation, other)).rejects.toThrow(UnreadableValue);
  });

  test.skipIf(anySize)('the refresh token of an answer that fits in no secret is rescued alone', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now());
    const token = aLongToken(clock.now(), 60_000);
    const rescue = { ...aRescue(), token };
    await stores.rescues.save(grant, rescue);
    // A repeat of it recognises itself.
    await stores.rescues.save(grant, rescue);
    const found = await stores.rescues.find(grant, rescue.generation, rescue.attempt);
    expect(found).not.toHaveProperty('token');
    expect(found?.refreshToken?.reveal()).toBe(rescue.refreshToken?.reveal());
  });

  test('an answer without tokens is rescued too', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now());
    const rescue = { attempt: randomUUID(), generation: randomUUID(), scopeKey: '' };
    await stores.rescues.save(grant, rescue);
    expect(await stores.rescues.find(grant, rescue.generation, rescue.attempt)).toEqual(rescue);
  });

  test.each(['applied_then_reset', 'applied_then_500', 'applied_then_hang'] as const)(
    'saving that is repeated after %s recognises itself',
    async (fault) => {
      const { faulty, managerProxy, clock } = suite();
      const [grant, rescue] = [aGrant(clock.now()), aRescue()];
      managerProxy.inject(fault, { operation: 'CreateSecret', times: 1 });
      await faulty.rescues.save(grant, rescue);
      expect(await faulty.rescues.find(grant, rescue.generation, rescue.attempt)).toEqual(rescue);
    },
  );

  test('saving the same answer again succeeds, and another answer to the same attempt is refused', async () => {
    const { stores, faulty, clock } = suite();
    const [grant, rescue] = [aGrant(clock.now()), aRescue()];
    await stores.rescues.save(grant, rescue);
    await faulty.rescues.save(grant, rescue);
    const other = { ...rescue, refreshToken: new Redacted('another') };
    await expect(faulty.rescues.save(grant, other)).rejects.toThrow(StoreUnavailable);
    expect(await stores.rescues.find(grant, rescue.generation, rescue.attempt)).toEqual(rescue);
  });

  test.each(['reset', 'hang', 'throttle', 'error_500'] as const)(
    'a Secrets Manager that answers with %s is unavailable',
    async (fault) => {
      const { stores, faulty, managerProxy, clock } = suite();
      const [grant, rescue] = [aGrant(clock.now()), aRescue()];
      await stores.rescues.save(grant, rescue);
      await faulty.rescues.find(grant, rescue.generation, rescue.attempt);
      managerProxy.inject(fault);
      await Promise.all(
        [
          faulty.rescues.save(grant, rescue),
          faulty.rescues.find(grant, rescue.generation, rescue.attempt),
          faulty.rescues.discard(grant, rescue.attempt),
        ].map((operation) => expect(operation).rejects.toThrow(StoreUnavailable)),
      );
    },
  );
}

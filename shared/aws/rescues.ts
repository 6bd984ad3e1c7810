import { createHash } from 'node:crypto';
import { CreateSecretCommand, DeleteSecretCommand } from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import type { GrantKey, Rescue, Rescues } from '../broker/ports.ts';
import { StoreUnavailable, UnreadableValue } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
import { Redacted } from '../contract/redacted.ts';
import { sha256Base64url } from '../contract/sha256.ts';
import { aloneIfTooLarge, errorName, type SecretsManager, storeUnavailable, within } from './clients.ts';
import { grantName } from './grant-item.ts';
import { time } from './item-parts.ts';
import { textOf, tokenOf } from './sealed-token.ts';
import type { Binding, Sealer } from './sealing.ts';
import { readSecret } from './secret-value.ts';

const rescueMembers = v.object({
  refresh_token: v.optional(v.string()),
  refresh_token_ends_at: v.optional(time),
  /** The token as `sealed-token.ts` writes it. */
  token: v.optional(v.string()),
  scope_key: v.string(),
});

// The parser's own error would quote the text.
const rescueText = v.pipe(v.string(), v.parseJson(), rescueMembers);

/**
 * Answers whose first commit failed, each in a secret of its own, named by grant and attempt: in another service
 * than the grants, as it is the grants' table that has just failed.
 * @param options.prefix of the secrets' names, e.g. `token-broker-internal/rescue/`
 */
export function createRescues(
  manager: SecretsManager,
  { prefix, sealer }: { prefix: string; sealer: Sealer },
): Rescues {
  const find: Rescues['find'] = async (grant, generation, attempt) => {
    const reading = await readSecret(manager, secretName(prefix, grant, attempt));
    if (reading.found) {
      const text = await sealer.open(reading.version.value.reveal(), binding(grant, generation, attempt));
      return rescueOf(text, generation, attempt);
    }
    if (['missing', 'no_value', 'deleted'].includes(reading.reason)) return undefined;
    throw new StoreUnavailable(`The broker could not read a rescued answer: ${reading.error}.`);
  };

  return {
    find,

    async save(grant, rescue) {
      const { token: _, ...alone } = rescue;
      await aloneIfTooLarge(
        () => create(grant, rescue),
        () => create(grant, alone),
      );
    },

    async discard(grant, attempt) {
      const command = new DeleteSecretCommand({
        SecretId: secretName(prefix, grant, attempt),
        ForceDeleteWithoutRecovery: true,
      });
      try {
        await within(manager.timeout, (abortSignal) => manager.client.send(command, { abortSignal }));
      } catch (error) {
        // Gone, or going: that is what was asked for.
        if (['ResourceNotFoundException', 'InvalidRequestException'].includes(errorName(error))) return;
        throw storeUnavailable('discard a rescued answer', error);
      }
    },
  };

  async function create(grant: GrantKey, rescue: Rescue): Promise<void> {
    const { generation, attempt } = rescue;
    const name = secretName(prefix, grant, attempt);
    const text = rescueTextOf(rescue);
    const command = new CreateSecretCommand({
      Name: name,
      // The same for every try, so that one which the SDK repeats is taken for the same request.
      ClientRequestToken: createHash('sha256').update(name).digest('hex'),
      Description: `Answer to a refresh of the connection ${grant.connection} that is yet to be stored.`,
      SecretString: await sealer.seal(text, binding(grant, generation, attempt)),
    });
    try {
      await within(manager.timeout, (abortSignal) => manager.client.send(command, { abortSignal }));
    } catch (error) {
      if (errorName(error) !== 'ResourceExistsException')
        throw storeUnavailable('save a rescued answer', error);
      const saved = await find(grant, generation, attempt);
      if (saved && rescueTextOf(saved).reveal() === text.reveal()) return;
      throw new StoreUnavailable('Another answer to the same attempt was rescued before.');
    }
  }
}

function secretName(prefix: string, grant: GrantKey, attempt: string): string {
  return `${prefix}${sha256Base64url(grantName(grant))}-${attempt}`;
}

function binding(grant: GrantKey, generation: string, attempt: string): Binding {
  return { item: grantName(grant), purpose: `rescue ${attempt}`, generation };
}

function rescueTextOf({ refreshToken, refreshTokenEndsAt, token, scopeKey }: Rescue): Redacted {
  const members: v.InferOutput<typeof rescueMembers> = {
    refresh_token: refreshToken?.reveal(),
    refresh_token_ends_at: refreshTokenEndsAt,
    token: token && textOf(token).reveal(),
    scope_key: scopeKey,
  };
  return new Redacted(JSON.stringify(members));
}

function rescueOf(text: Redacted, generation: string, attempt: string): Rescue {
  const result = v.safeParse(rescueText, text.reveal());
  if (!result.success) throw new UnreadableValue('A rescued answer opens, but holds no answer.');
  const { refresh_token: refreshToken, token, scope_key: scopeKey } = result.output;
  const { refresh_token_ends_at: refreshTokenEndsAt } = result.output;
  return present({
    attempt,
    generation,
    refreshToken: refreshToken === undefined ? undefined : new Redacted(refreshToken),
    refreshTokenEndsAt,
    token: token === undefined ? undefined : tokenOf(new Redacted(token)),
    scopeKey,
  });
}

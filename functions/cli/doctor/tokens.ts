import { TokenBrokerError } from '../../../shared/client/errors.ts';
import { type GrantType, isForItself } from '../../../shared/connections/connection.ts';
import { MAX_MIN_TTL, type TokenAnswer, type TokenRequestBody } from '../../../shared/contract/messages.ts';
import { pathOf } from '../../../shared/contract/routes.ts';
import type { Listed } from '../connection-list.ts';
import { failureOf } from '../failure.ts';
import { stateOf } from '../words.ts';
import { type Check, type Finding, ok, problem, skipped } from './check.ts';

/** A token for every connection that acts for itself; the grants of those that act for others. */
export const checkTokens: Check = async ({ target, listed }) =>
  Promise.all(
    listed.map((each) =>
      each.vendor === undefined || isForItself(each.grant_type as GrantType)
        ? checkToken(each, () =>
            target.api('POST', pathOf('POST /connections/{connection}/token', each), NEW),
          )
        : checkGrants(each),
    ),
  );

/** No token lives longer: so the vendor is asked, and a kept token does not hide a secret that is refused. */
const NEW: TokenRequestBody = { min_ttl: MAX_MIN_TTL };

async function checkToken({ connection }: Listed, ask: () => Promise<{ answer: unknown }>): Promise<Finding> {
  const check = `token of ${connection}`;
  try {
    const { source } = (await ask()).answer as TokenAnswer;
    if (source === 'vendor') return ok(check, 'the vendor gives one');
    return ok(check, 'the broker gives one; the vendor was asked a moment ago');
  } catch (error) {
    if (!(error instanceof TokenBrokerError)) throw error;
    // A scope that needs claims, or none by default: nothing is wrong with the connection.
    if (error.code === 'invalid_request') return skipped(check, `needs more than its name: ${error.message}`);
    const { message, next } = failureOf(error, connection);
    const fix = error.code === 'vendor_rejected' ? REFUSED(connection) : next;
    return problem(check, message, fix ?? 'Look into the logs of the token broker.');
  }
}

/** Elsewhere people are sent here for this. */
const REFUSED = (connection: string) =>
  `token-broker secret put ${connection}   (or what else the vendor says: scope, tenant, its own settings)`;

async function checkGrants(listed: Listed): Promise<Finding> {
  const { connection, grants, grant_status } = listed;
  const check = `grants of ${connection}`;
  const connect = `token-broker connect ${connection}`;
  if (grant_status === 'none' || (grants && Object.values(grants).every((count) => count === 0))) {
    return problem(check, 'nobody has consented yet', connect);
  }
  const ended = grants?.consent_required ?? (grant_status === 'consent_required' ? 1 : 0);
  if (ended > 0)
    return problem(check, `${stateOf(listed)}: the vendor ended some`, `${connect} --subject SUBJECT`);
  if (listed.grants_expiring || listed.expiring)
    return problem(
      check,
      `${stateOf(listed)}: refresh tokens end soon (token-broker grants ${connection})`,
      `${connect} --subject SUBJECT --replace`,
    );
  return ok(check, stateOf(listed));
}

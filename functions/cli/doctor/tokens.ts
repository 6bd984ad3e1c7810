import { TokenBrokerError } from '../../../shared/client/errors.ts';
import { type GrantType, isForItself } from '../../../shared/connections/connection.ts';
import { pathOf } from '../../../shared/contract/routes.ts';
import type { Listed } from '../connection-list.ts';
import { stateOf } from '../connections-command.ts';
import { failureOf } from '../failure.ts';
import { type Check, type Finding, ok, problem, skipped } from './check.ts';

/** A token for every connection that acts for itself; the grants of those that act for others. */
export const checkTokens: Check = async ({ target, listed }) =>
  Promise.all(
    listed.map((each) =>
      each.vendor === undefined || isForItself(each.grant_type as GrantType)
        ? checkToken(each, () => target.api('POST', pathOf('POST /connections/{connection}/token', each), {}))
        : checkGrants(each),
    ),
  );

async function checkToken({ connection }: Listed, ask: () => Promise<unknown>): Promise<Finding> {
  const check = `token of ${connection}`;
  try {
    await ask();
    return ok(check, 'the broker gives one');
  } catch (error) {
    if (!(error instanceof TokenBrokerError)) throw error;
    // A scope that needs claims, or none by default: nothing is wrong with the connection.
    if (error.code === 'invalid_request') return skipped(check, `needs more than its name: ${error.message}`);
    const { message, next } = failureOf(error, connection);
    return problem(check, message, next ?? 'Look into the logs of the token broker.');
  }
}

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

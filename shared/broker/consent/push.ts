import { pushAuthorizationRequest } from '../../oauth/pushed-authorization.ts';
import type { CodeConsent } from '../ports.ts';
import type { Found, Span } from '../request.ts';
import type { VendorAccess } from '../vendor/access.ts';
import type { SpendBudget } from '../vendor/budget.ts';

export interface PushParts {
  readonly access: VendorAccess;
  readonly spend: SpendBudget;
}

/**
 * Where to send the browser: where the server wants authorization requests ahead (RFC 9126), it has got this one then.
 * @throws BrokerError, VendorError
 */
export type Push = (
  request: string,
  pending: CodeConsent,
  where: Found & Pick<Span, 'endsAt'>,
) => Promise<string>;

export function requestPusher({ access, spend }: PushParts): Push {
  return async (request, { isPushed, startedBy }, { endsAt, ...found }) => {
    if (!isPushed) return request;
    const { budget } = access.acquire({ endsAt });
    await spend(found.connection, { principal: startedBy });
    return access.asClient(found, 'push', budget, (call) => pushAuthorizationRequest({ ...call, request }));
  };
}

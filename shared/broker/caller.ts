import { type Principal, parsePrincipal } from './principals.ts';

/** Who asks, as AWS has established it. */
export type Caller =
  /** API Gateway verified the signature. */
  | {
      readonly via: 'https';
      /** As IAM gave it. */
      readonly arn: string;
      /** Absent where the ARN is of no known kind: such a caller is refused. */
      readonly principal: Principal | undefined;
    }
  /** Lambda authorized the call of this connection's alias, and does not tell whose it was. */
  | { readonly via: 'invoke'; readonly arn: string };

export function httpsCaller(arn: string): Caller {
  return { via: 'https', arn, principal: parsePrincipal(arn) };
}

export const DIRECT_INVOKER: Caller = { via: 'invoke', arn: 'lambda:invoke' };

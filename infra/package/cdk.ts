/** `token-broker/cdk`: the construct, and the types of what it takes. */

export type { Vendor } from '../../shared/vendors/vendor.ts';
export type { CustomDomain, Throttle } from '../api.ts';
export {
  type CallerRuleMembers,
  type ConnectionMembers,
  type ConnectionsDocument,
  type ConnectionsSource,
  imported,
} from '../connection-members.ts';
export type { Egress } from '../egress.ts';
export { OperatorError } from '../operator-error.ts';
export type { TokenBrokerProps } from '../props.ts';
export { type CallerRoleProps, TokenBroker } from '../token-broker.ts';

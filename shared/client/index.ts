/** What callers of the token broker use: `createTokenClient`, and the types of what it takes and gives. */
export type {
  ConnectionAnswer,
  ConsentAnswer,
  GrantAnswer,
  GrantListAnswer,
  GrantState,
  RevokeAnswer,
  TokenOrigin,
} from '../contract/messages.ts';
export {
  type BrokerLocation,
  createTokenClient,
  type TokenClient,
  type TokenClientOptions,
} from './client.ts';
export type { AwsCredentials, AwsCredentialsProvider } from './credentials.ts';
export { TokenBrokerError, type TokenBrokerErrorCode } from './errors.ts';
export type { Management } from './management.ts';
export type { Token } from './token.ts';
export type { TokenOptions } from './token-cache.ts';

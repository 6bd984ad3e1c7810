/**
 * Stands in for `@aws-sdk/credential-provider-node` in the bundles: where Lambda runs, credentials are in the
 * environment, or at the container endpoint that the environment names, and nowhere else.
 */
import { fromEnv } from '@aws-sdk/credential-provider-env';
import { fromHttp } from '@aws-sdk/credential-provider-http';

/** The SDK keeps what it resolves to until shortly before its expiration. */
export function defaultProvider() {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI } = process.env;
  const container = AWS_CONTAINER_CREDENTIALS_FULL_URI ?? AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  return container ? fromHttp() : fromEnv();
}

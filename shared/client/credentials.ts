import { TokenBrokerError } from './errors.ts';

/**
 * AWS credentials as the AWS SDK has them.
 * @example
 * ```ts
 * import type { AwsCredentials } from 'token-broker';
 * const credentials: AwsCredentials = { accessKeyId: 'local', secretAccessKey: 'local' };
 * ```
 */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/**
 * The shape of the AWS SDK's own providers, so that any of them can be passed.
 * @example
 * ```ts
 * import { createTokenClient, type AwsCredentialsProvider } from 'token-broker';
 * const credentials: AwsCredentialsProvider = async () => ({ accessKeyId: 'local', secretAccessKey: 'local' });
 * const broker = createTokenClient({ endpoint: 'http://127.0.0.1:8787' }, { credentials });
 * ```
 */
export type AwsCredentialsProvider = () => Promise<AwsCredentials>;

/** Credentials that expire sooner than this are asked for anew, in milliseconds. */
const EXPIRY_MARGIN = 300_000;

/**
 * A variable, so that bundlers leave the package out: it is ten times the rest of the client, and a Lambda
 * function always has its credentials in the environment.
 */
const CHAIN = '@aws-sdk/credential-provider-node';

/**
 * The default AWS credential chain: the environment, then what the AWS SDK finds (profiles, single sign-on,
 * web identity, container and instance roles).
 * @throws TokenBrokerError `no_credentials`
 */
export function defaultCredentials(environment: NodeJS.ProcessEnv = process.env): AwsCredentialsProvider {
  let chain: Promise<AwsCredentialsProvider> | undefined;
  return async () => {
    const own = fromEnvironment(environment);
    if (own) return own;
    chain ??= loadChain();
    try {
      return await (await chain)();
    } catch (error) {
      chain = undefined;
      throw noCredentials(error);
    }
  };
}

/** Keeps what the provider gives until shortly before it expires. */
export function remembered(provider: AwsCredentialsProvider): AwsCredentialsProvider {
  let kept: Promise<AwsCredentials> | undefined;
  return async () => {
    kept ??= provider();
    try {
      const credentials = await kept;
      if (!expiresSoon(credentials)) return credentials;
    } catch (error) {
      kept = undefined;
      throw error;
    }
    kept = provider();
    return kept;
  };
}

const expiresSoon = ({ expiration }: AwsCredentials) =>
  expiration !== undefined && expiration.getTime() - Date.now() < EXPIRY_MARGIN;

/** A profile that is named goes before keys in the environment, as in the SDK. */
function fromEnvironment(environment: NodeJS.ProcessEnv): AwsCredentials | undefined {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY || AWS_PROFILE) return undefined;
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
}

async function loadChain(): Promise<AwsCredentialsProvider> {
  const { defaultProvider }: typeof import('@aws-sdk/credential-provider-node') = await import(CHAIN);
  return defaultProvider();
}

function noCredentials(error: unknown): TokenBrokerError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return new TokenBrokerError(
      'no_credentials',
      `No AWS credentials are in the environment, and ${CHAIN}, which would look elsewhere, is not installed beside ` +
        'this program: install it, or pass `credentials`.',
    );
  }
  // Only the provider's first sentence: what it adds may quote a configuration file.
  const reason =
    error instanceof Error && error.name === 'CredentialsProviderError'
      ? error.message
      : 'the AWS SDK failed';
  return new TokenBrokerError(
    'no_credentials',
    `No AWS credentials: ${reason.split('\n')[0]}. Set AWS_PROFILE, or run \`aws sso login\` or \`aws configure\`.`,
  );
}

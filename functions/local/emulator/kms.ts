/**
 * The operations of KMS that signing takes, on keys of node:crypto that stay in one file (AWS KMS API Reference:
 * CreateKey, DescribeKey, GetPublicKey, Sign). Keys are for signing only, and sign whole messages, not digests.
 */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign as signWith,
} from 'node:crypto';
import { readIfPresent, writeAtomically } from '../atomic-file.ts';
import { DataDirectoryUnusable } from '../data-directory.ts';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../identities.ts';
import type { AwsService } from './endpoint.ts';
import { AwsError, awsAnswer } from './errors.ts';
import { type Input, readInput } from './secret-input.ts';

interface KeyRecord {
  readonly id: string;
  readonly spec: KeySpec;
  /** PKCS#8. */
  readonly pem: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly description: string;
}

const rsa = (modulusLength: number) => () => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const ec = (namedCurve: string) => () => generateKeyPairSync('ec', { namedCurve }).privateKey;
const MAKERS = {
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  ECC_NIST_P256: ec('P-256'),
  ECC_NIST_P384: ec('P-384'),
} as const;
type KeySpec = keyof typeof MAKERS;

/** KMS Developer Guide, "Key spec reference". */
const ALGORITHMS: Readonly<
  Record<string, { readonly of: RegExp; readonly hash: string; readonly pss?: true }>
> = {
  RSASSA_PKCS1_V1_5_SHA_256: { of: /^RSA/, hash: 'sha256' },
  RSASSA_PSS_SHA_256: { of: /^RSA/, hash: 'sha256', pss: true },
  ECDSA_SHA_256: { of: /P256$/, hash: 'sha256' },
  ECDSA_SHA_384: { of: /P384$/, hash: 'sha384' },
};

/** KMS's own limit, in bytes. */
const MESSAGE_LIMIT = 4_096;

/**
 * `path`: the file of the keys.
 * @throws DataDirectoryUnusable when the file is not what this wrote
 */
export async function kmsService(path: string, now: () => number = Date.now): Promise<AwsService> {
  const keys = parse(await readIfPresent(path), path);
  const operations: Readonly<Record<string, (input: Input) => object | Promise<object>>> = {
    async CreateKey(input) {
      const spec = input.text('KeySpec') ?? 'SYMMETRIC_DEFAULT';
      if (!isKeySpec(spec) || input.text('KeyUsage') !== 'SIGN_VERIFY')
        throw unsupported(
          `The local KMS makes keys of KeyUsage SIGN_VERIFY: ${Object.keys(MAKERS).join(', ')}`,
        );
      const pem = MAKERS[spec]().export({ type: 'pkcs8', format: 'pem' }).toString();
      const description = input.text('Description') ?? '';
      const key = { id: randomUUID(), spec, pem, createdAt: now(), description };
      keys.push(key);
      await writeAtomically(path, JSON.stringify(keys, null, 2));
      return { KeyMetadata: metadata(key) };
    },
    DescribeKey: (input) => ({ KeyMetadata: metadata(existing(input)) }),
    GetPublicKey(input) {
      const key = existing(input);
      const publicKey = createPublicKey(key.pem).export({ type: 'spki', format: 'der' });
      return { ...common(key), KeyId: arnOf(key), PublicKey: publicKey.toString('base64') };
    },
    Sign(input) {
      const key = existing(input);
      const SigningAlgorithm = input.text('SigningAlgorithm') ?? '';
      const message = Buffer.from(input.text('Message') ?? '', 'base64');
      if ((input.text('MessageType') ?? 'RAW') !== 'RAW')
        throw unsupported('The local KMS signs messages whose MessageType is RAW');
      if (message.length === 0 || message.length > MESSAGE_LIMIT)
        throw new AwsError('ValidationException', `Message must have 1 to ${MESSAGE_LIMIT} bytes`);
      if (!algorithmsOf(key.spec).includes(SigningAlgorithm))
        throw new AwsError(
          'InvalidKeyUsageException',
          `Algorithm ${SigningAlgorithm} is incompatible with key spec ${key.spec}.`,
        );
      const signature = signed(message, createPrivateKey(key.pem), SigningAlgorithm);
      return { KeyId: arnOf(key), Signature: signature.toString('base64'), SigningAlgorithm };
    },
  };

  return async ({ headers, body }) => {
    const name = headers['x-amz-target']?.split('.')[1] ?? '';
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation) return awsAnswer(200, await operation(readInput(body)));
    const offered = Object.keys(operations).join(', ');
    throw new AwsError(
      'UnknownOperationException',
      `${name} is not an operation of the local KMS; it offers ${offered}`,
    );
  };

  function existing(input: Input): KeyRecord {
    const wanted = input.text('KeyId') ?? '';
    const key = keys.find((each) => wanted === each.id || wanted === arnOf(each));
    if (key) return key;
    throw new AwsError('NotFoundException', `Key '${wanted}' does not exist`);
  }
}

function signed(message: Buffer, key: KeyObject, algorithm: string): Buffer {
  const { hash, pss } = ALGORITHMS[algorithm]!;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return signWith(hash, message, pss ? { key, padding, saltLength } : key);
}

function common({ spec }: KeyRecord): object {
  return { KeySpec: spec, KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: algorithmsOf(spec) };
}

function metadata(key: KeyRecord): object {
  return {
    ...common(key),
    KeyId: key.id,
    Arn: arnOf(key),
    AWSAccountId: LOCAL_ACCOUNT,
    CreationDate: key.createdAt / 1000,
    Description: key.description,
    Enabled: true,
    KeyState: 'Enabled',
    KeyManager: 'CUSTOMER',
    Origin: 'AWS_KMS',
  };
}

function arnOf({ id }: KeyRecord): string {
  return `arn:aws:kms:${LOCAL_REGION}:${LOCAL_ACCOUNT}:key/${id}`;
}

function algorithmsOf(spec: KeySpec): string[] {
  return Object.keys(ALGORITHMS).filter((name) => ALGORITHMS[name]!.of.test(spec));
}

function isKeySpec(text: string): text is KeySpec {
  return Object.hasOwn(MAKERS, text);
}

function unsupported(message: string): AwsError {
  return new AwsError('UnsupportedOperationException', message);
}

function parse(content: string | undefined, path: string): KeyRecord[] {
  try {
    return content === undefined ? [] : JSON.parse(content);
  } catch {
    throw new DataDirectoryUnusable(
      `${path} is not readable as JSON: restore it, or move it away to begin without KMS keys`,
    );
  }
}

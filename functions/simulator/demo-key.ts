import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

interface KeyPair {
  /** SPKI PEM. */
  readonly publicKey: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
}

/** The key pair of the demo service account: made when first needed, for it takes a tenth of a second. */
export class DemoKey {
  #pair: Promise<KeyPair> | undefined;

  pair(): Promise<KeyPair> {
    this.#pair ??= promisify(generateKeyPair)('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    return this.#pair;
  }
}

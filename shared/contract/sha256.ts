import { hash } from 'node:crypto';

/** SHA-256 in unpadded base64url, 43 characters. */
export function sha256Base64url(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** What callers send, as it reaches the broker's operations. */
import type { Body } from '../../shared/contract/body.ts';

export function jsonBody(value: unknown): Body {
  return { content: JSON.stringify(value), base64: false, contentType: 'application/json' };
}

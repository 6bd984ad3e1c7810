import { BrokerError } from './errors.ts';
import { isObject } from './json.ts';

/** The largest body that is read, in bytes: many times the largest that means anything. */
export const MAX_BODY = 65_536;

/** A request's body as it came, not looked at: what HTTPS brought, or the event of a direct invoke. */
export type Body =
  | { readonly content: string; readonly base64: boolean; readonly contentType: string | undefined }
  | { readonly event: unknown };

const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/**
 * A request's body as JSON. None, or an empty one, is `{}` whatever its type.
 * @throws BrokerError `invalid_request`: too large, another content type, not UTF-8, not JSON, not an object
 */
export function parseBody(
  body: Uint8Array | string | undefined,
  contentType: string | undefined,
): Record<string, unknown> {
  if (body === undefined || body.length === 0) return {};
  if (Buffer.byteLength(body) > MAX_BODY) throw invalid(`The body is larger than ${MAX_BODY} bytes.`);
  checkContentType(contentType);
  const value = parseJson(typeof body === 'string' ? body : decode(body));
  if (!isObject(value)) throw invalid('The body must be a JSON object.');
  return value;
}

function checkContentType(contentType: string | undefined): void {
  if (contentType === undefined || JSON_TYPE.test(contentType)) return;
  const hint = /^application\/x-www-form-urlencoded/i.test(contentType)
    ? ' curl sends application/x-www-form-urlencoded with -d: add -H "Content-Type: application/json".'
    : '';
  throw invalid(`The body must be application/json in UTF-8.${hint}`);
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw invalid('The body is not UTF-8.');
  }
}

/** V8's message quotes the text, in which there may be a code: only the position is passed on. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /at position (\d+)/.exec((error as SyntaxError).message)?.[1];
    throw invalid(`The body is not JSON${position === undefined ? '' : ` at position ${position}`}.`);
  }
}

function invalid(description: string): BrokerError {
  return new BrokerError('invalid_request', description);
}

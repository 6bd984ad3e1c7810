import type { BodyEncoding } from './types.ts';

/** Parameters as a request body, with the content type to send along. */
export async function encodeBody(
  parameters: URLSearchParams,
  encoding: BodyEncoding,
): Promise<{ contentType: string; body: Uint8Array }> {
  switch (encoding) {
    case 'form':
      return {
        contentType: 'application/x-www-form-urlencoded',
        body: Buffer.from(parameters.toString(), 'utf8'),
      };
    case 'json':
      return {
        contentType: 'application/json',
        body: Buffer.from(JSON.stringify(Object.fromEntries(parameters)), 'utf8'),
      };
    case 'multipart':
      return multipart(parameters);
  }
}

async function multipart(parameters: URLSearchParams): Promise<{ contentType: string; body: Uint8Array }> {
  const form = new FormData();
  for (const [name, value] of parameters) form.append(name, value);
  const encoded = new Response(form);
  return { contentType: encoded.headers.get('content-type') ?? '', body: await encoded.bytes() };
}

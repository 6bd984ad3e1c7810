import * as oauth from 'oauth4webapi';
import { nonsense, successObject } from './answer.ts';
import { withAttempts } from './attempts.ts';
import { type ClientCall, sendAsClient } from './client-request.ts';

/**
 * Gives the server an authorization request ahead of the browser (RFC 9126 §2.1). Another attempt only makes another
 * request, so that any failure is repeated.
 * @param call.request the request as the URL that a browser would be sent to otherwise
 * @returns the URL to send the browser to (§4)
 * @throws VendorError
 */
export function pushAuthorizationRequest(call: ClientCall & { readonly request: string }): Promise<string> {
  const parameters = new URL(call.request).searchParams;
  return withAttempts(call.budget, 'idempotent', async () => {
    const answer = await sendAsClient(
      call,
      'pushedAuthorizationRequestEndpoint',
      (server, client, authentication, options) =>
        oauth.pushedAuthorizationRequest(server, client, authentication, parameters, options),
    );
    const { request_uri: requestUri } = successObject(answer);
    if (typeof requestUri !== 'string' || requestUri === '') throw nonsense(answer, 'without a request_uri');
    const url = new URL(call.endpoints.authorizationEndpoint ?? call.request);
    url.searchParams.set('client_id', call.client.clientId);
    url.searchParams.set('request_uri', requestUri);
    return url.href;
  });
}

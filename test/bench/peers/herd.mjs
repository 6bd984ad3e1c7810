// One process that asks the vendor for itself: its callers share one request, made with openid-client.
import {
  allowInsecureRequests,
  ClientSecretPost,
  Configuration,
  clientCredentialsGrant,
} from 'openid-client';

const { token_endpoint, client_id, client_secret } = JSON.parse(process.argv[2]);
const server = { issuer: new URL(token_endpoint).origin, token_endpoint };
const configuration = new Configuration(server, client_id, undefined, ClientSecretPost(client_secret));
allowInsecureRequests(configuration);

let shared;
async function ask() {
  const begunAt = Date.now();
  shared ??= clientCredentialsGrant(configuration, { scope: 'all' });
  const { access_token } = await shared;
  return { begunAt, endedAt: Date.now(), token: access_token };
}

// The same orders and reports as a process of the broker.
process.on('message', ({ at, requests }) => {
  setTimeout(async () => {
    const outcomes = await Promise.all(Array.from({ length: requests }, ask));
    process.send({ type: 'answered', outcomes });
  }, at - Date.now());
});
process.send({ type: 'ready' });

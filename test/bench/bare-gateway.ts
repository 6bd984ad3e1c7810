/** The local gateway, and behind it a handler that does nothing but answer. Sends where it is. */
import { startGateway } from '../../functions/local/gateway.ts';
import { DEMO_KEY } from '../../functions/local/identities.ts';

const token = { access_token: 'bench', token_type: 'Bearer', expires_in: 3600, source: 'memory' };
const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
const answer = async () => ({ statusCode: 200, headers, body: JSON.stringify(token) });
const handlers = { https: answer, callback: answer, invoke: answer, refresh: answer };

const { url } = await startGateway({ port: 0, handlers: Promise.resolve(handlers), key: DEMO_KEY });
process.send?.({ url });

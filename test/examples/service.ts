import { createServer } from 'node:http';
import { createTokenClient, TokenBrokerError } from 'token-broker';

const { TOKEN_BROKER_ENDPOINT = '', BITS_API = 'https://api.bits.bi', PORT = '8080' } = process.env;
const broker = createTokenClient({ endpoint: TOKEN_BROKER_ENDPOINT });

const server = createServer(async (_, response) => {
  try {
    const answer = await broker.fetch('onboarding', `${BITS_API}/oauth2/userinfo`, {
      signal: AbortSignal.timeout(5_000),
    });
    response.writeHead(answer.status).end(await answer.text());
  } catch (error) {
    if (!(error instanceof TokenBrokerError)) return response.writeHead(502).end();
    if (error.retryAfter !== undefined) response.setHeader('retry-after', error.retryAfter);
    response.writeHead(error.retryable ? 503 : 500).end(error.code);
  }
});
server.listen(Number(PORT), () => console.log(server.address()));

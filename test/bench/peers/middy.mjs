import middy from '@middy/core';
import secretsManager from '@middy/secrets-manager';
import { answer } from './answer.mjs';

export const handler = middy()
  .use(
    secretsManager({
      fetchData: { secret: 'token-broker/service' },
      cacheExpiry: 300_000,
      setToContext: true,
    }),
  )
  .handler(async (event, context) => answer(event, context, context.secret));

import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import { answer } from './answer.mjs';

export const handler = async (event, context) =>
  answer(event, context, await getSecret('token-broker/service', { maxAge: 300, transform: 'json' }));

// What the broker does at an answer, with Powertools: one log line with the audit's members, and one count.
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

const logger = new Logger({ serviceName: 'peer' });
const metrics = new Metrics({ namespace: 'Peer', serviceName: 'peer' });
const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };

export function answer({ pathParameters, requestContext, routeKey }, context, secret) {
  logger.addContext(context);
  logger.info('audit', {
    route: routeKey,
    connection: pathParameters.connection,
    caller: requestContext.authorizer.iam.userArn,
    source: 'memory',
  });
  metrics.addMetric('Answers', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
  const token = { access_token: secret.client_secret, token_type: 'Bearer', expires_in: 3600 };
  return { statusCode: 200, headers, body: JSON.stringify(token) };
}

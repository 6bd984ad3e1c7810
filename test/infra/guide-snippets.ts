// TypeScript of the operator's guide, as it stands there: type-checked here, compared and synthesized by a test.
// <snippet>

import { App, Stack } from 'aws-cdk-lib';
import { AccountPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { TokenBroker } from '../../infra/token-broker.ts';

const app = new App();
const stack = new Stack(app, 'Tokens');
const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });

const job = new Role(stack, 'Job', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
broker.grantToken(job, 'logs-jobs');
broker.callerRole('Partner', { connection: 'onboarding', assumedBy: new AccountPrincipal('444455556666') });
// </snippet>

export const synthesized = app;

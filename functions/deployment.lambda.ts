import { lambdaClient } from '../shared/aws/invoke-aliases.ts';
import { deploymentHandler } from './deployment.ts';
import { observed } from './middleware.ts';
import { telemetry } from './telemetry.ts';

export const handler = observed(telemetry(), deploymentHandler(lambdaClient()));

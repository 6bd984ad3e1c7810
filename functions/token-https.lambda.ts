import { composeFromEnvironment } from './compose-from-environment.ts';
import { httpsHandler } from './https.ts';
import { answered, observed } from './middleware.ts';

const { broker, telemetry } = composeFromEnvironment();

export const handler = observed(telemetry, answered(httpsHandler(broker)));

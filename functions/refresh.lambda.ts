import { composeFromEnvironment } from './compose-from-environment.ts';
import { observed } from './middleware.ts';
import { refreshHandler } from './refresh.ts';

const { broker, telemetry } = composeFromEnvironment();

export const handler = observed(telemetry, refreshHandler(broker));

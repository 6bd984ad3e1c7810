import { composeFromEnvironment } from './composed.ts';
import { observed } from './middleware.ts';
import { refreshHandler } from './refresh.ts';

const { broker, telemetry } = composeFromEnvironment();

export const handler = observed(telemetry, refreshHandler(broker));

import { composeFromEnvironment } from './compose-from-environment.ts';
import { invokeHandler } from './invoke.ts';
import { observed, throwing } from './middleware.ts';

const { broker, telemetry } = composeFromEnvironment();

export const handler = observed(telemetry, throwing(telemetry, invokeHandler(broker)));

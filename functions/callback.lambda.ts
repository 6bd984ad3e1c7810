import { callbackHandler } from './callback.ts';
import { composeFromEnvironment } from './compose-from-environment.ts';
import { answered } from './http-answers.ts';
import { observed } from './middleware.ts';

const { broker, telemetry } = composeFromEnvironment();

export const handler = observed(telemetry, answered(callbackHandler(broker)));

import { grantsClient, secretsManagerClient } from '../shared/aws/clients.ts';
import { keyringRotation } from '../shared/aws/rotate-keyring.ts';
import { fromEnvironment } from '../shared/contract/names.ts';
import { systemClock } from '../shared/oauth/clock.ts';
import { observed } from './middleware.ts';
import { telemetry } from './telemetry.ts';

const rotate = keyringRotation({
  manager: secretsManagerClient(),
  dynamo: grantsClient(),
  grantsTable: fromEnvironment('grantsTable'),
  clock: systemClock,
});

export const handler = observed(telemetry(), rotate);

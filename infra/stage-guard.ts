/**
 * Refuses another stage for a broker that is deployed: every table and secret would be made anew under another
 * name, and the grants left behind.
 */
import { CustomResource } from 'aws-cdk-lib';
import type { Construct, IConstruct } from 'constructs';
import { CUSTOM_RESOURCES } from '../shared/contract/names.ts';
import type { BrokerFunction } from './functions.ts';
import type { Stage } from './stage.ts';

/** @param guarded what must not be touched before the guard has agreed */
export function guardStage(
  scope: Construct,
  {
    stage,
    deployment,
    guarded,
  }: { stage: Stage; deployment: BrokerFunction; guarded: readonly IConstruct[] },
): void {
  const guard = new CustomResource(scope, 'StageGuard', {
    resourceType: CUSTOM_RESOURCES.stageGuard,
    serviceToken: deployment.function.functionArn,
    properties: { Stage: stage.label },
  });
  for (const each of guarded) each.node.addDependency(guard);
}

/** CloudFormation's limit, checked at synth in words that help. */
import { CfnResource, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** Per stack, nested ones apart; it cannot be raised. */
const MAX_RESOURCES = 500;

/** Refuses a stack that CloudFormation would refuse half-way through. */
export function refuseTooManyResources(scope: Construct, connections: number): void {
  scope.node.addValidation({
    validate: () => {
      const counts = new Map<Stack, number>();
      for (const resource of Stack.of(scope).node.findAll().filter(CfnResource.isCfnResource))
        counts.set(resource.stack, (counts.get(resource.stack) ?? 0) + 1);
      const count = Math.max(...counts.values());
      if (count <= MAX_RESOURCES) return [];
      return [
        `${connections} connections make ${count} resources, and CloudFormation takes ${MAX_RESOURCES} in a stack. ` +
          'Use one connection with several subjects where only the person or account differs, let connections ' +
          'of one vendor client share a secret, or deploy a second broker under another stage.',
      ];
    },
  });
}

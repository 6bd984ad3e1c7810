import { type Stack, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, test } from 'vitest';
import { everything, synthesize } from './synth.ts';

const checked = (props?: typeof everything) =>
  synthesize({
    ...(props && { props }),
    extend: (_, { node }) => Validations.of(node.root).addPlugins(new AwsSolutionsChecks(node.root)),
  });

test('the default deployment passes every AwsSolutions rule or says why it does not follow it', () => {
  expect(() => checked()).not.toThrow();
});

test('so does a deployment with everything switched on', () => {
  expect(() => checked(everything)).not.toThrow();
});

test('a resource that breaks a rule is found, so that the checks above can fail', () => {
  const open = (_: unknown, stack: Stack) => {
    Validations.of(stack.node.root).addPlugins(new AwsSolutionsChecks(stack.node.root));
    new Queue(stack, 'Open');
  };
  expect(() => synthesize({ extend: open })).toThrow(/SQS4/);
});

import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { Deployed, PolicyDocument } from './deployed.ts';
import { ACCOUNT, REGION } from './synth.ts';

export interface Request {
  readonly action: string;
  readonly resource: string;
  readonly context?: Record<string, string>;
  /** Of the resource, where it has one. */
  readonly resourcePolicy?: PolicyDocument;
}

/** Would IAM allow it? By the rules of AWS as `iam-simulate` has them, on the policies as synthesized. */
export async function isAllowed(deployed: Deployed, role: string, request: Request): Promise<boolean> {
  return decide(role, deployed.policiesOf(role), request);
}

/** The same of what a function's own code asks, which Lambda marks with the function's ARN. */
export function mayFunction(
  deployed: Deployed,
  fn: string,
  { context, ...request }: Request,
  from = functionArn(deployed, fn),
): Promise<boolean> {
  return isAllowed(deployed, deployed.role(`${fn}Role`), {
    ...request,
    context: { 'lambda:SourceFunctionArn': from, ...context },
  });
}

export function functionArn(deployed: Deployed, fn: string): string {
  const { FunctionName } = deployed.properties('AWS::Lambda::Function', `Broker${fn}`);
  return `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${FunctionName}`;
}

export async function decide(
  principal: string,
  identityPolicies: { name: string; policy: PolicyDocument }[],
  { action, resource, context = {}, resourcePolicy }: Request,
  controls: { name: string; policy: PolicyDocument }[] = [],
): Promise<boolean> {
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const results = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { 'aws:PrincipalArn': principal, ...context },
      },
      identityPolicies,
      serviceControlPolicies: [
        { orgIdentifier: 'root', policies: [{ name: 'all', policy: everything }, ...controls] },
      ],
      resourceControlPolicies: [],
      resourcePolicy,
    },
    {},
  );
  if (results.resultType === 'error')
    throw new Error(`${action} on ${resource}: ${JSON.stringify(results.errors)}`);
  return results.overallResult === 'Allowed';
}

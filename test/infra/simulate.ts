import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { Deployed, PolicyDocument } from './deployed.ts';
import { ACCOUNT } from './synth.ts';

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

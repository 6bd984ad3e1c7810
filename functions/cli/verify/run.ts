/** What the checks of one `verify` share. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsRefusal, callJson } from '../aws.ts';
import { type CheckContext, type Finding, problem } from '../doctor/check.ts';
import { callQuery, textOf, textsOf } from './query.ts';

export interface Run extends CheckContext {
  readonly id: string;
  readonly stack: string;
  /** As CloudFormation lists them. */
  readonly resources: readonly Resource[];
  /** ARN of the function of direct invoke, unqualified. */
  readonly invokeArn: string;
  /** Who asks, as STS says it. */
  readonly identity: string;
  /** Milliseconds that anything which AWS shows late is waited for. */
  readonly patience: number;
  readonly interrupted: AbortSignal;
  /** Undoes what was changed, last first, whatever happens. Say it before changing anything. */
  readonly undo: (what: string, work: () => Promise<void>) => void;
}

export type LiveCheck = (run: Run) => Promise<readonly Finding[]>;

export interface Resource {
  readonly id: string;
  readonly type: string;
}

export const newRunId = () => randomUUID().slice(0, 8);

export async function resourcesOf({ aws }: CheckContext['target'], stack: string): Promise<Resource[]> {
  const found: Resource[] = [];
  let token: string | undefined;
  do {
    const page = await callQuery(aws, 'cloudformation', 'ListStackResources', {
      StackName: stack,
      ...(token !== undefined && { NextToken: token }),
    });
    for (const member of textsOf(page, 'member')) {
      const [id, type] = [textOf(member, 'PhysicalResourceId'), textOf(member, 'ResourceType')];
      if (id && type) found.push({ id, type });
    }
    token = textOf(page, 'NextToken');
  } while (token !== undefined);
  return found;
}

export function idsOf({ resources }: Run, type: string): string[] {
  return resources.filter((each) => each.type === type).map(({ id }) => id);
}

/** The stack publishes it as a parameter. */
export async function parameterOf({ aws }: CheckContext['target'], name: string): Promise<string> {
  const { Parameter } = await callJson(aws, 'ssm', 'GetParameter', { Name: name });
  return String((Parameter as { Value?: string } | undefined)?.Value);
}

/** Milliseconds. */
const BETWEEN_LOOKS = 2_000;

/** Looks until there is something to see. @returns undefined when patience ends first */
export async function eventually<T>(
  { patience, interrupted }: Run,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const endsAt = Date.now() + patience;
  for (;;) {
    interrupted.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    const left = endsAt - Date.now();
    if (left <= 0) return undefined;
    await sleep(Math.min(BETWEEN_LOOKS, left), undefined, { signal: interrupted });
  }
}

/** What AWS does not let the person do is a finding like any other: nothing has been verified. */
export async function orRefused(
  check: string,
  work: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    return [problem(check, error.message, 'Allow whoever runs verify this action, or check --region.')];
  }
}

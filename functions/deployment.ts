/**
 * What CloudFormation has no resource for, as custom resources: the aliases of direct invoke, and a guard that
 * refuses another stage. CloudFormation waits for an answer at a URL, an hour long if none comes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { type InvokeAliases, type Lambda, moveAliases } from '../shared/aws/invoke-aliases.ts';
import { CUSTOM_RESOURCES } from '../shared/contract/names.ts';

const properties = v.record(v.string(), v.unknown());
const request = v.object({
  RequestType: v.picklist(['Create', 'Update', 'Delete']),
  ResponseURL: v.string(),
  StackId: v.string(),
  RequestId: v.string(),
  LogicalResourceId: v.string(),
  ResourceType: v.string(),
  PhysicalResourceId: v.optional(v.string()),
  ResourceProperties: properties,
  OldResourceProperties: v.optional(properties),
});
type Request = v.InferOutput<typeof request>;

/** Resolves to the physical id. */
type Work = (request: Request) => Promise<string>;

export function deploymentHandler(lambda: Lambda) {
  const works: Record<string, Work> = {
    [CUSTOM_RESOURCES.invokeAliases]: (asked) => aliases(lambda, asked),
    [CUSTOM_RESOURCES.stageGuard]: guardStage,
  };
  return async (event: unknown): Promise<void> => {
    const asked = v.parse(request, event);
    await answer(asked, await outcome(works[asked.ResourceType], asked));
  };
}

async function outcome(work: Work | undefined, asked: Request): Promise<object> {
  // A failed creation has no id of ours, and CloudFormation wants one that it can delete.
  const id = asked.PhysicalResourceId ?? asked.LogicalResourceId;
  try {
    if (!work) throw new Error(`There is no ${asked.ResourceType}.`);
    return { Status: 'SUCCESS', PhysicalResourceId: await work(asked) };
  } catch (error) {
    const Reason = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown error';
    return { Status: 'FAILED', Reason, PhysicalResourceId: id };
  }
}

async function answer({ ResponseURL, StackId, RequestId, LogicalResourceId }: Request, result: object) {
  const body = JSON.stringify({ StackId, RequestId, LogicalResourceId, ...result });
  // The URL is signed for an empty content type.
  const response = await fetch(ResponseURL, { method: 'PUT', body, headers: { 'content-type': '' } });
  if (!response.ok) throw new Error(`CloudFormation's answer URL says ${response.status}.`);
}

const wanted = v.object({
  FunctionName: v.string(),
  Version: v.string(),
  Common: v.unknown(),
  Connections: v.record(v.string(), v.string()),
});

/** A rollback comes as an update the other way round, and moves back just what was moved. */
async function aliases(lambda: Lambda, asked: Request): Promise<string> {
  const now = wantedAliases(asked.ResourceProperties);
  const before = asked.OldResourceProperties && wantedAliases(asked.OldResourceProperties);
  if (asked.RequestType === 'Delete') await moveAliases(lambda, now, undefined, sleep);
  else await moveAliases(lambda, before, now, sleep);
  return `${now.functionName}-aliases`;
}

function wantedAliases(from: Record<string, unknown>): InvokeAliases {
  const { FunctionName, Version, Common, Connections } = v.parse(wanted, from);
  return {
    functionName: FunctionName,
    version: Version,
    common: JSON.stringify(Common),
    connections: Connections,
  };
}

const guarded = v.object({ Stage: v.string() });

/**
 * The stage that was deployed first is kept in the physical id, and not compared with the last properties:
 * when a refused change is rolled back, those are the refused ones.
 */
async function guardStage({ RequestType, PhysicalResourceId, ResourceProperties }: Request): Promise<string> {
  const id = `stage:${v.parse(guarded, ResourceProperties).Stage}`;
  if (RequestType !== 'Update' || id === PhysicalResourceId) return PhysicalResourceId ?? id;
  const named = (physical = '') => physical.slice('stage:'.length) || '(none)';
  throw new Error(
    `The stage of a broker that is deployed cannot be changed from ${named(PhysicalResourceId)} to ${named(id)}: ` +
      'grants and secrets would stay behind. Put the stage back, or deploy a second stack.',
  );
}

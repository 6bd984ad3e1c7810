/** A role that may get tokens of one connection and nothing else, for as long as `verify` runs. */
import type { AwsCredentialsProvider } from '../../../shared/client/credentials.ts';
import { fillPath, partsOf } from '../../../shared/contract/routes.ts';
import { AwsRefusal } from '../aws.ts';
import { EXIT, Failure } from '../failure.ts';
import { callQuery, textOf, textsOf } from './query.ts';
import { eventually, idsOf, type Run } from './run.ts';

export const TOKEN_ROUTE = 'POST /connections/{connection}/token';

const TAG = 'token-broker:verify';
const POLICY = 'one-connection';

/** @throws AwsRefusal; Failure when the role cannot be assumed in time */
export async function temporaryRole(run: Run, connection: string): Promise<AwsCredentialsProvider> {
  const { aws, stage } = run.target;
  const RoleName = `${stage}token-broker-verify-${run.id}`;
  run.undo(`the role ${RoleName}`, () => removeRole(run, RoleName));
  const made = await callQuery(aws, 'iam', 'CreateRole', {
    RoleName,
    Description: `Made and removed by token-broker verify --stack ${run.stack}`,
    AssumeRolePolicyDocument: policy({ Principal: { AWS: run.identity }, Action: 'sts:AssumeRole' }),
    'Tags.member.1.Key': TAG,
    'Tags.member.1.Value': run.id,
  });
  await callQuery(aws, 'iam', 'PutRolePolicy', {
    RoleName,
    PolicyName: POLICY,
    PolicyDocument: policy(
      { Action: 'execute-api:Invoke', Resource: routeArn(run, connection) },
      { Action: 'lambda:InvokeFunction', Resource: `${run.invokeArn}:${connection}` },
    ),
  });
  return assume(run, textOf(made, 'Arn') ?? RoleName);
}

const policy = (...statements: object[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })),
  });

function routeArn(run: Run, connection: string): string {
  const [, partition, , region, account] = run.invokeArn.split(':');
  const [api] = idsOf(run, 'AWS::ApiGatewayV2::Api');
  const path = fillPath(TOKEN_ROUTE, () => connection);
  return `arn:${partition}:execute-api:${region}:${account}:${api}/$default/${partsOf(TOKEN_ROUTE).method}${path}`;
}

/** IAM is eventually consistent: a new role cannot be assumed for some seconds. */
async function assume(run: Run, RoleArn: string): Promise<AwsCredentialsProvider> {
  let refusal = '';
  const credentials = await eventually(run, async () => {
    try {
      const xml = await callQuery(run.target.aws, 'sts', 'AssumeRole', {
        RoleArn,
        RoleSessionName: `verify-${run.id}`,
        DurationSeconds: '900',
      });
      const member = (name: string) => textOf(xml, name) ?? '';
      return {
        accessKeyId: member('AccessKeyId'),
        secretAccessKey: member('SecretAccessKey'),
        sessionToken: member('SessionToken'),
      };
    } catch (error) {
      if (!(error instanceof AwsRefusal) || error.type !== 'AccessDenied') throw error;
      refusal = error.message;
      return undefined;
    }
  });
  if (credentials) return async () => credentials;
  throw new Failure(
    EXIT.denied,
    `The temporary role could not be assumed: ${refusal}`,
    'Run verify as a role or user (not root) that may sts:AssumeRole; raise --patience.',
  );
}

/** Removes the role if this very run made it. */
async function removeRole(run: Run, RoleName: string): Promise<void> {
  const { aws } = run.target;
  try {
    const tags = await callQuery(aws, 'iam', 'ListRoleTags', { RoleName });
    const own = textsOf(tags, 'member').some(
      (member) => textOf(member, 'Key') === TAG && textOf(member, 'Value') === run.id,
    );
    if (!own) throw new Failure(EXIT.failed, `${RoleName} does not have this run's tag ${TAG}: left alone.`);
    await unlessGone(() => callQuery(aws, 'iam', 'DeleteRolePolicy', { RoleName, PolicyName: POLICY }));
    await callQuery(aws, 'iam', 'DeleteRole', { RoleName });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

async function unlessGone(work: () => Promise<unknown>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!isGone(error)) throw error;
  });
}

const isGone = (error: unknown) => error instanceof AwsRefusal && error.type === 'NoSuchEntity';

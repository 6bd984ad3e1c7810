/** What a caller of one connection is refused. */
import type { AwsCredentialsProvider } from '../../../shared/client/credentials.ts';
import { sendSigned } from '../../../shared/client/signing.ts';
import { isObject } from '../../../shared/contract/json.ts';
import { CALLER_ROUTES, fillPath, partsOf } from '../../../shared/contract/routes.ts';
import { asFailure } from '../as-failure.ts';
import { AwsRefusal, call, reached } from '../aws.ts';
import { type Finding, ok, problem, skipped } from '../doctor/check.ts';
import { eventually, type LiveCheck, type Run } from './run.ts';
import { TOKEN_ROUTE, temporaryRole } from './temporary-role.ts';

const CHECK = 'temporary role';
/** Milliseconds. */
const TIMEOUT = 30_000;
/** Of the lists in findings. */
const MANY = 5;

export const checkBoundaries: LiveCheck = async (run) => {
  const own = run.listed[0]?.connection;
  if (own === undefined) return [skipped(CHECK, 'there is no connection to make one for')];
  let credentials: AwsCredentialsProvider;
  try {
    credentials = await temporaryRole(run, own);
  } catch (error) {
    run.interrupted.throwIfAborted();
    const { message, next } = asFailure(error);
    return [problem(CHECK, message, next ?? 'Allow whoever runs verify to make and remove roles in IAM.')];
  }
  const path = fillPath(TOKEN_ROUTE, () => own);
  const admitted = await eventually(run, async () =>
    (await isAdmitted(run, credentials, 'POST', path)) ? true : undefined,
  );
  if (!admitted)
    return [problem(CHECK, `IAM does not let it POST ${path}`, 'Deploy again, or raise --patience.')];
  return [
    ok(CHECK, `may get a token of ${own}`),
    await refusedRoutes(run, credentials, own),
    await refusedInvokes(run, credentials, own),
  ];
};

async function refusedRoutes(run: Run, credentials: AwsCredentialsProvider, own: string): Promise<Finding> {
  const check = `what ${own}'s role is refused over HTTPS`;
  const wrong: string[] = [];
  const asked = [...routesFor(own), ...neighboursOf(run, own).flatMap((name) => pathsTo(own, name))];
  for (const [method, path] of asked) {
    run.interrupted.throwIfAborted();
    const { status } = await send(run, credentials, method, path);
    if (status !== 403 && status !== 404) wrong.push(`${method} ${path} answered ${status}`);
  }
  if (wrong.length === 0) return ok(check, `neighbours, other actions and odd paths: all ${asked.length}`);
  return problem(
    check,
    wrong.slice(0, MANY).join('; '),
    'Look for policies on the API, then deploy the stack again: routes must have the IAM authorizer.',
  );
}

type Call = readonly ['GET' | 'POST' | 'DELETE', string];

/** The routes of its own connection that it may not use. */
function routesFor(own: string): Call[] {
  return CALLER_ROUTES.filter((key) => key !== TOKEN_ROUTE).map((key) => [
    partsOf(key).method,
    fillPath(key, (parameter) => (parameter === 'connection' ? own : 'verify')),
  ]);
}

/** Ways to spell a neighbour's path that something between the policy and the handler may make one of. */
function pathsTo(own: string, neighbour: string): Call[] {
  const path = fillPath(TOKEN_ROUTE, () => neighbour);
  const encoded = `%${neighbour.charCodeAt(0).toString(16)}${neighbour.slice(1)}`;
  return [
    path,
    `/${path}`,
    `${path}/`,
    fillPath(TOKEN_ROUTE, () => encoded),
    fillPath(TOKEN_ROUTE, () => `${own}%2F..%2F${neighbour}`),
    fillPath(TOKEN_ROUTE, () => `${neighbour}%2F`),
  ].map((each) => ['POST', each]);
}

/** Some of them: a thousand would be told nothing new. */
function neighboursOf({ listed }: Run, own: string): string[] {
  const names = listed.map(({ connection }) => connection).filter((name) => name !== own);
  return [...names.slice(0, 3), `${own}x`];
}

/** As a dry run, which judges permissions and runs nothing. */
async function refusedInvokes(run: Run, credentials: AwsCredentialsProvider, own: string): Promise<Finding> {
  const check = `what ${own}'s role is refused by direct invoke`;
  const qualifiers = [...neighboursOf(run, own), '$LATEST', undefined];
  const admitted: string[] = [];
  for (const qualifier of qualifiers) {
    run.interrupted.throwIfAborted();
    if (await mayInvoke(run, credentials, qualifier)) admitted.push(qualifier ?? 'no alias');
  }
  if (admitted.length === 0) return ok(check, 'other aliases, $LATEST and no alias');
  return problem(
    check,
    `it may invoke ${admitted.join(', ')}`,
    `aws lambda get-policy --function-name ${run.invokeArn}   (remove what admits more than one alias)`,
  );
}

async function mayInvoke(
  { target, invokeArn }: Run,
  credentials: AwsCredentialsProvider,
  qualifier: string | undefined,
): Promise<boolean> {
  const query = qualifier === undefined ? '' : `?Qualifier=${encodeURIComponent(qualifier)}`;
  const path = `/2015-03-31/functions/${encodeURIComponent(invokeArn)}/invocations${query}`;
  try {
    await call({ ...target.aws, credentials }, 'lambda', 'POST', path, '{}', {
      'x-amz-invocation-type': 'DryRun',
    });
    return true;
  } catch (error) {
    if (error instanceof AwsRefusal && error.type === 'AccessDeniedException') return false;
    throw error;
  }
}

/** By IAM, whatever the broker says then: API Gateway's own refusal has no `error`. */
async function isAdmitted(run: Run, credentials: AwsCredentialsProvider, ...[method, path]: Call) {
  const response = await send(run, credentials, method, path);
  const answer: unknown = await response.json().catch(() => undefined);
  return response.status !== 403 || (isObject(answer) && 'error' in answer);
}

async function send(
  { target, interrupted }: Run,
  credentials: AwsCredentialsProvider,
  ...[method, path]: Call
): Promise<Response> {
  const body = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
  const request = {
    method,
    url: new URL(target.endpoint.origin + path),
    service: 'execute-api',
    region: target.aws.region,
    credentials: await credentials(),
    ...body,
  };
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(TIMEOUT)]);
  return reached(target.aws, 'The endpoint', () => sendSigned(request, signal));
}

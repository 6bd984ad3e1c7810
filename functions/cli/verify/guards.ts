/** Whoever deploys, and so runs this, must not read what the broker alone may read. */
import { isObject } from '../../../shared/contract/json.ts';
import { NAMES } from '../../../shared/contract/names.ts';
import { stagedSecret } from '../../../shared/contract/stage.ts';
import { type Aws, AwsRefusal, callJson } from '../aws.ts';
import { type Finding, ok, problem, skipped } from '../doctor/check.ts';
import { type LiveCheck, orRefused } from './run.ts';

const READ = 'secretsmanager:GetSecretValue';

export const checkGuards: LiveCheck = async ({ target, listed }) => {
  const own = listed.map(({ connection }) =>
    stagedSecret(NAMES.defaultSecretPrefix + connection, target.stage),
  );
  const findings: Finding[] = [];
  for (const name of [target.stage + NAMES.keyringSecret, ...own])
    findings.push(...(await checkGuard(target.aws, name)));
  return findings;
};

function checkGuard(aws: Aws, SecretId: string): Promise<readonly Finding[]> {
  const check = `policy of ${SecretId}`;
  return orRefused(check, async () => {
    try {
      const { ResourcePolicy } = await callJson(aws, 'secretsmanager', 'GetResourcePolicy', { SecretId });
      if (!deniesReading(ResourcePolicy))
        return [problem(check, `does not deny ${READ}`, 'Deploy the stack again; it sets this.')];
    } catch (error) {
      if (!(error instanceof AwsRefusal) || error.type !== 'ResourceNotFoundException') throw error;
      return [skipped(check, 'no such secret: the connection uses another, or none')];
    }
    if (await isRefused(aws, SecretId)) return [ok(check, 'denies whoever runs this its value')];
    return [
      problem(
        check,
        'you may read its value',
        'Run verify as who deploys; take them off secret-readers and break-glass.',
      ),
    ];
  });
}

function deniesReading(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const document: unknown = JSON.parse(text);
  if (!isObject(document)) return false;
  return [document.Statement]
    .flat()
    .some((each) => isObject(each) && each.Effect === 'Deny' && [each.Action].flat().includes(READ));
}

/** That a secret has no value is told only to those who may read it. */
async function isRefused(aws: Aws, SecretId: string): Promise<boolean> {
  try {
    await callJson(aws, 'secretsmanager', 'GetSecretValue', { SecretId });
    return false;
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    if (error.type === 'AccessDeniedException') return true;
    if (error.type === 'ResourceNotFoundException') return false;
    throw error;
  }
}

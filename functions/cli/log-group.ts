import { FUNCTIONS } from '../../shared/contract/names.ts';
import { call } from './aws.ts';
import type { Target } from './target.ts';

/** Where a function of a deployed broker writes its log. */
export async function logGroupOf(
  { aws, stage }: Pick<Target, 'aws' | 'stage'>,
  which: keyof typeof FUNCTIONS,
): Promise<string> {
  const name = stage + FUNCTIONS[which].name;
  const { LoggingConfig } = await call(aws, 'lambda', 'GET', `/2015-03-31/functions/${name}/configuration`);
  const { LogGroup = `/aws/lambda/${name}` } = (LoggingConfig ?? {}) as { LogGroup?: string };
  return LogGroup;
}

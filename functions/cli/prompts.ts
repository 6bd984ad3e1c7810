/** Questions to the person at the terminal; they go to stderr, so that stdout holds results only. */
import { password, select, text } from '@clack/prompts';
import { EXIT, Failure } from './failure.ts';

const common = {
  output: process.stderr,
  validate: (value: string | undefined) => (value ? undefined : 'It is empty.'),
};

export async function ask(message: string): Promise<string> {
  return answered(await text({ message, ...common })).trim();
}

/** What is typed is not shown. */
export async function askSecret(message: string): Promise<string> {
  return answered(await password({ message, ...common })).trim();
}

export async function choose<T extends string>(message: string, choices: readonly T[]): Promise<T> {
  const options = choices.map((value) => ({ value, label: value }));
  return answered(await select<string>({ message, options, output: process.stderr })) as T;
}

function answered(answer: string | symbol): string {
  if (typeof answer === 'symbol') throw new Failure(EXIT.interrupted, 'Cancelled: nothing was changed.');
  return answer;
}

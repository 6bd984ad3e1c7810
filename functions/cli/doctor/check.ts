import type { Connection } from '../../../shared/connections/connection.ts';
import type { Listed } from '../connection-list.ts';
import type { Target } from '../target.ts';
import { styled } from '../terminal.ts';

/** What a check found. A skipped one says why; a problem says what mends it, and advice what would be better. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'problem' | 'advice' | 'skipped';
  readonly detail: string;
  readonly fix?: string;
}

export interface CheckContext {
  readonly target: Target;
  /** As the broker lists them; those asked for, where some are. */
  readonly listed: readonly Listed[];
  /** From the connections file, where one is given. */
  readonly file: ReadonlyMap<string, Connection> | undefined;
}

export type Check = (context: CheckContext) => Promise<readonly Finding[]>;

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
export const skipped = (check: string, detail: string): Finding => ({ check, status: 'skipped', detail });
export const problem = (check: string, detail: string, fix: string): Finding => ({
  check,
  status: 'problem',
  detail,
  fix,
});

export const advice = (check: string, detail: string, fix: string): Finding => ({
  check,
  status: 'advice',
  detail,
  fix,
});

const MARKS = {
  ok: ['green', '✔'],
  problem: ['red', '✘'],
  advice: ['cyan', '→'],
  skipped: ['dim', '–'],
} as const;

export function shown({ check, status, detail, fix }: Finding): string {
  const [style, mark] = MARKS[status];
  const line = `${styled(style, mark)} ${check}: ${detail}`;
  const label = status === 'advice' ? 'safer' : 'fix';
  return fix === undefined ? line : `${line}\n    ${label}: ${styled('bold', fix)}`;
}

/**
 * One process per folder, without a lock that the system releases (Node has none). The lock is the file
 * `lock.N` with the highest N; it names its holder. It is free when its holder has ended or has let go,
 * and is then taken by creating `lock.N+1`, which only one process can do. The highest file is never
 * deleted, so that N only grows and a slow process cannot create a number that was already passed.
 */
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from './atomic-file.ts';

interface Holder {
  readonly pid: number;
  /** When the process started, as the system counts; tells it from a later one with the same id. */
  readonly started: string;
}

/** Somebody else has it. */
export class Locked extends Error {
  override readonly name = 'Locked';
  readonly pid: number;

  constructor(pid: number) {
    super(`Locked by process ${pid}`);
    this.pid = pid;
  }
}

/**
 * Resolves to a function that lets go.
 * @throws Locked while a living process, this one included, holds it
 */
export async function acquireLock(folder: string): Promise<() => Promise<void>> {
  const mine: Holder = { pid: process.pid, started: (await startOf(process.pid)) ?? '' };
  const draft = join(folder, `lock-draft-${process.pid}-${performance.now()}`);
  await writeFile(draft, JSON.stringify(mine), { mode: 0o600 });
  try {
    for (;;) {
      const highest = Math.max(0, ...(await lockNumbers(folder)));
      const holder = await readHolder(join(folder, `lock.${highest}`));
      if (holder && (await isAlive(holder))) throw new Locked(holder.pid);
      const path = join(folder, `lock.${highest + 1}`);
      if (!(await linkExclusively(draft, path))) continue;
      await removeBelow(folder, highest + 1);
      return () => writeAtomically(path, '{}');
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function lockNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}

/** `link` fails where the target exists, and shows it only with its content complete. */
async function linkExclusively(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeBelow(folder: string, number: number): Promise<void> {
  const passed = (await lockNumbers(folder)).filter((other) => other < number);
  await Promise.all(passed.map((other) => rm(join(folder, `lock.${other}`), { force: true })));
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const { pid, started } = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    return pid === undefined || started === undefined ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await startOf(pid);
  return now === undefined || now === started;
}

/** Linux: field 22 of `/proc/PID/stat`, counted after the name, which may hold spaces. Elsewhere unknown. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

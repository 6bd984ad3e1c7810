/** What a bench measures. Numbers of one run are compared with each other only: machines differ, ratios stay. */
export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | 'µs' | '/s' | 'MB' | 'KB' | '';
  /** `what` of an earlier measurement of the same topic that this one is a multiple of. */
  readonly comparedWith?: string;
  /** Of the multiple, or of the value where it is compared with nothing. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
  /** The middle half of what was measured, in the same unit. */
  readonly quartiles?: readonly [number, number];
}

export interface Topic {
  readonly title: string;
  /** @param options `all`: also what takes many minutes */
  measure(options: { readonly all: boolean }): Promise<readonly Measurement[]>;
}

/** Milliseconds that one run takes: the median of several, one after the other. */
export async function medianTime(runs: number, run: (index: number) => Promise<unknown>): Promise<number> {
  return median(await times(runs, run));
}

/** Milliseconds of each run of several things, in turns, so that whatever else the machine does hits all alike. */
export async function interleaved<Name extends string>(
  runs: number,
  things: Readonly<Record<Name, (index: number) => Promise<unknown>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(things) as Name[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let index = 0; index < runs; index += 1)
    for (const name of names) taken[name].push(...(await times(1, () => things[name](index))));
  return taken;
}

async function times(runs: number, run: (index: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const begun = performance.now();
    await run(index);
    taken.push(performance.now() - begun);
  }
  return taken;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param share from 0, the least, to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** The median, and the middle half. */
export function spread(values: readonly number[]): Pick<Measurement, 'value' | 'quartiles'> {
  return { value: median(values), quartiles: [quantile(values, 0.25), quantile(values, 0.75)] };
}

/** What a bench measures. Numbers of one run are compared with each other only: machines differ, ratios stay. */
export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | '/s' | 'MB' | '';
  /** `what` of an earlier measurement of the same topic that this one is a multiple of. */
  readonly comparedWith?: string;
}

export interface Topic {
  readonly title: string;
  measure(): Promise<readonly Measurement[]>;
}

/** Milliseconds that one run takes: the median of several, one after the other. */
export async function medianTime(runs: number, run: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const begun = performance.now();
    await run(index);
    times.push(performance.now() - begun);
  }
  return median(times);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** What a run of the bench says, for people and, as `--json`, for programs. */
import type { Measurement } from './topic.ts';

export interface Row extends Measurement {
  /** To what it is compared with. */
  readonly ratio?: number;
  readonly met?: boolean;
}

export interface Report {
  /** RFC 3339. */
  readonly date: string;
  readonly machine: string;
  readonly topics: Readonly<Record<string, { readonly title: string; readonly rows: readonly Row[] }>>;
}

export function judged(measurements: readonly Measurement[]): Row[] {
  return measurements.map((measurement) => {
    const { value, comparedWith, goal } = measurement;
    const base = measurements.find(({ what }) => what === comparedWith)?.value;
    const ratio = base === undefined ? {} : { ratio: value / base };
    if (!goal) return { ...measurement, ...ratio };
    const figure = ratio.ratio ?? value;
    const met = 'atMost' in goal ? figure <= goal.atMost : figure >= goal.atLeast;
    return { ...measurement, ...ratio, met };
  });
}

/** Of its goal: 1 just meets it, and more does not. */
export function shareOfGoal({ value, ratio = value, goal }: Row): number | undefined {
  if (!goal) return undefined;
  const share = 'atMost' in goal ? ratio / goal.atMost : goal.atLeast / ratio;
  // None of what there is to be none of.
  return Number.isNaN(share) ? 1 : share;
}

export function verdict({ goal, met }: Row): string {
  if (!goal) return '';
  const wanted = 'atMost' in goal ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`;
  return `${wanted}: ${met ? 'met' : 'not met'}`;
}

export function short(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

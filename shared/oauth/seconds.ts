const NUMERIC = /^\d+(\.\d+)?$/;

/** A positive number of seconds, which some vendors write as a string; `undefined` for all else. */
export function readSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && NUMERIC.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && seconds > 0 ? seconds : undefined;
}

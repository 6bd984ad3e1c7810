import * as v from 'valibot';

/** A control input that is not allowed; the message names the member, what it is and what is allowed. */
export class BadControlInput extends Error {}

/** @throws BadControlInput naming every mistake */
export function checked<Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
): v.InferOutput<Schema> {
  // To valibot an array is an object of its elements.
  if (Array.isArray(input)) throw new BadControlInput('Expected an object, but received an array');
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const mistakes = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  throw new BadControlInput(mistakes.join('; '));
}

/** An object of just these members; a stranger is refused by naming those that are allowed. */
export function exactly<const Entries extends v.ObjectEntries>(entries: Entries) {
  const allowed = Object.keys(entries).join(', ');
  return v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? `Not a member here; allowed: ${allowed}`
      : `Expected an object of ${allowed}, but received ${issue.received}`,
  );
}

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number, description: string) {
  return v.pipe(
    v.number(),
    v.integer(),
    v.minValue(least),
    v.maxValue(most),
    v.description(`${description}, ${least} to ${most}`),
  );
}

/** What each member of a schema is for, as its author described it. */
export function descriptions(entries: v.ObjectEntries): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, schema]) => {
      const inner = (schema as { wrapped?: v.GenericSchema }).wrapped ?? (schema as v.GenericSchema);
      return [name, v.getDescription(inner) ?? ''];
    }),
  );
}

import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { connectionSchema } from '../shared/connections/schema.ts';
import { CONNECTION_NAME } from '../shared/contract/messages.ts';
import { VENDORS } from '../shared/vendors/index.ts';

const file = v.strictObject({
  $schema: v.optional(v.pipe(v.string(), v.description('Path or URL of this schema, for editors.'))),
  connections: v.pipe(
    v.record(v.pipe(v.string(), v.regex(CONNECTION_NAME)), connectionSchema),
    v.description('Connections by name: 1-64 of A-Z a-z 0-9 _ -, not digits alone.'),
  ),
});

/**
 * The connections file's shape as JSON Schema (draft 7, which every editor knows). What depends on a vendor
 * or on another member is beyond it: `parseConnections` checks that.
 */
export function connectionsJsonSchema(): string {
  const schema = toJsonSchema(file, {
    target: 'draft-07',
    // The checks before the last schema of a pipe have no JSON Schema; their last schema says the same shape.
    typeMode: 'output',
    ignoreActions: ['check'],
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema === connectionSchema.entries.vendor.pipe[0]
        ? { ...jsonSchema, enum: Object.keys(VENDORS) }
        : undefined,
    overrideAction: ({ valibotAction, jsonSchema }) => ({ ...jsonSchema, ...unicodePattern(valibotAction) }),
  });
  const $schema = 'http://json-schema.org/draft-07/schema#';
  return `${JSON.stringify({ $schema, title: 'Token broker connections', ...schema }, undefined, 2)}\n`;
}

/** A regular expression with its flag `u`, which valibot does not convert: patterns of JSON Schema are Unicode's anyway. */
export function unicodePattern({ type, requirement }: { type: string; requirement?: unknown }) {
  return type === 'regex' ? { pattern: (requirement as RegExp).source } : undefined;
}

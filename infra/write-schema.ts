/** Writes `connections.schema.json` anew: `npm run schema`, after a change to the file's shape. */
import { writeFileSync } from 'node:fs';
import { connectionsJsonSchema } from './connections-schema.ts';

writeFileSync(new URL('connections.schema.json', import.meta.url), connectionsJsonSchema());

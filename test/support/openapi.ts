/** The OpenAPI document as a judge of answers. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { partsOf, type RouteKey } from '../../shared/contract/routes.ts';

const file = new URL('../../shared/contract/openapi.json', import.meta.url);
export const OPEN_API = JSON.parse(readFileSync(file, 'utf8'));

const ajv = addFormats.default(new Ajv2020({ allErrors: true, strict: false }));
ajv.addSchema(closed(OPEN_API), 'openapi');

/** With no members but those that are named: the document leaves room for more, the broker sends none. */
function closed(node: unknown): object {
  return JSON.parse(JSON.stringify(node), (_, value) =>
    value?.type === 'object' && value.properties ? { additionalProperties: false, ...value } : value,
  );
}

/** The schema at that place of the document. */
export function schemaAt(...keys: (string | number)[]) {
  const path = keys.map((key) => encodeURIComponent(String(key).replaceAll('~', '~0').replaceAll('/', '~1')));
  return ajv.getSchema(`openapi#/${path.join('/')}`)!;
}

/** What the document has to object to in an answer to that route. */
export function objectionsTo(
  key: RouteKey,
  { status, type, body }: { status: number; type: string; body: unknown },
) {
  const { method, path } = partsOf(key);
  const place = ['paths', path, method.toLowerCase(), 'responses', status];
  const found = OPEN_API.paths[path][method.toLowerCase()].responses[status];
  if (!found) return [`${key} does not say that it answers ${status}`];
  const name = found.$ref?.split('/').at(-1);
  const at = name ? ['components', 'responses', name] : place;
  const { content } = name ? OPEN_API.components.responses[name] : found;
  if (!content[type]) return [`${key} does not say that ${status} is ${type}`];
  const validate = schemaAt(...at, 'content', type, 'schema');
  return validate(body) ? [] : validate.errors!.map((error) => `${key} ${status}: ${JSON.stringify(error)}`);
}

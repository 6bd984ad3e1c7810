/** Writes `shared/contract/openapi.json` anew: `npm run openapi`, after a change to the contract. */
import { readFileSync, writeFileSync } from 'node:fs';
import { openApiDocument } from './openapi.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const document = `${JSON.stringify(openApiDocument(version), undefined, 2)}\n`;
writeFileSync(new URL('../shared/contract/openapi.json', import.meta.url), document);

/**
 * `npm start`: the local program, with what Node.js made of its sources at an earlier start. Not in TypeScript: that
 * would be taken out before anything is looked for, by what takes longer to load than Node.js itself.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Beside the packages, where no other user could have put anything.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url)));
await import('./main.ts');

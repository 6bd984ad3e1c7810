import { createRequire } from 'node:module';

/** For Node.js before 20.16. */
process.getBuiltinModule ??= createRequire(import.meta.url) as typeof process.getBuiltinModule;

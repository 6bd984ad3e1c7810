/**
 * Stands in for `node:fs/promises` in the bundles: the SDK looks for configuration files by it, and it is the one part of
 * Node that it loads for nothing else. Here by what is loaded anyway.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';

export const readFile = promisify(fs.readFile);
export default { readFile };

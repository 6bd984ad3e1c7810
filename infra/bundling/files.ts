/**
 * Stands in for `node:fs/promises` in the bundles: the SDK reads the token of a container's credentials by it, and it is
 * a part of Node that nothing else loads. Here by what is loaded anyway.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';

export const readFile = promisify(fs.readFile);
export default { readFile };

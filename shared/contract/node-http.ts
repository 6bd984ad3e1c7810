/**
 * Node's own module, without undici: of what an ES module imports every member is read, and one of these loads undici, which
 * takes about as long as Node.js itself to start.
 */
export const { createServer, request } = process.getBuiltinModule('node:http');

/** What of an origin is the console's; the rest may be a broker's. */
export function isConsolePath(path: string): boolean {
  return path === '/' || path.startsWith('/console/');
}

/** The key stands after `#`, which browsers send to nobody. */
export function consoleAddress(origin: string, key: string): string {
  return `${origin}/#${key}`;
}

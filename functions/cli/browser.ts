import { spawn } from 'node:child_process';

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/**
 * Opens a web address without a shell, and does not wait. `false`: it is no web address, or there is no desktop to
 * open it on.
 */
export function openInBrowser(address: string): boolean {
  if (!/^https?:$/.test(URL.parse(address)?.protocol ?? '')) return false;
  const isDesktop = process.platform in OPENERS || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!isDesktop) return false;
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...args, address], { stdio: 'ignore', detached: true });
  // The address is printed as well.
  child.once('error', () => undefined);
  child.unref();
  return true;
}

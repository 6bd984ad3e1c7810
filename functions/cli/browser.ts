import { spawn } from 'node:child_process';
import { escaped, htmlPage } from '../html.ts';
import { writePrivate } from '../local/registry.ts';

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/**
 * Opens a web address without a shell, and does not wait. `false`: it is no web address, or there is no desktop to
 * open it on.
 */
export function openInBrowser(address: string): boolean {
  return /^https?:$/.test(URL.parse(address)?.protocol ?? '') && openOnDesktop(address);
}

/**
 * The same for an address that holds a key: everybody on a machine can read what programs are started with, and so the
 * browser is given a file that only this user can read, which leads it on.
 * @param name of the file
 */
export async function openPrivatelyInBrowser(address: string, name: string): Promise<boolean> {
  const body = `<p><a href="${escaped(address)}">Go on</a></p>`;
  const page = htmlPage({ title: 'Token broker', style: '', body, leadsTo: address });
  try {
    return openOnDesktop(await writePrivate(name, page));
  } catch {
    // The address is printed as well.
    return false;
  }
}

function openOnDesktop(address: string): boolean {
  const isDesktop = process.platform in OPENERS || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!isDesktop) return false;
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...args, address], { stdio: 'ignore', detached: true });
  // The address is printed as well.
  child.once('error', () => undefined);
  child.unref();
  return true;
}

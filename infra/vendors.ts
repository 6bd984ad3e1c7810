/** Vendors that a deployment brings along, without a fork: each a module that goes beside the functions' bundles. */
import { readFileSync } from 'node:fs';
// By its default export: Node.js 20, in which the construct runs, has no stripTypeScriptTypes.
import nodeModule from 'node:module';
import { resolve } from 'node:path';
import { VENDORS } from '../shared/vendors/index.ts';
import type { Vendor } from '../shared/vendors/vendor.ts';
import { OperatorError } from './operator-error.ts';

interface BroughtVendors {
  /** With the product's own. */
  readonly vendors: Readonly<Record<string, Vendor>>;
  /** JavaScript by vendor. */
  readonly sources: Readonly<Record<string, string>>;
}

const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/**
 * @param modules path of each vendor's module, by the name that connections give it
 * @throws OperatorError naming what is wrong with a module, and what is allowed
 */
export function bringVendors(modules: Readonly<Record<string, string>> = {}): BroughtVendors {
  const brought = Object.entries(modules).map(([name, path]) => ({ name, ...load(name, path) }));
  return {
    vendors: { ...VENDORS, ...Object.fromEntries(brought.map(({ name, vendor }) => [name, vendor])) },
    sources: Object.fromEntries(brought.map(({ name, source }) => [name, source])),
  };
}

function load(name: string, path: string): { vendor: Vendor; source: string } {
  const refuse = (problem: string) => new OperatorError(`The vendor "${name}" (${path}) ${problem}.`);
  if (!NAME.test(name)) throw refuse('is not a name: 1 to 64 of a-z, 0-9, _ and -, a letter first');
  if (Object.hasOwn(VENDORS, name)) throw refuse('has the name of a vendor that is built in');
  if (!process.features.typescript)
    throw refuse(`is a module that Node.js 22.18 and newer can read; this is ${process.version}`);
  const source = sourceOf(path, refuse);
  const vendor: unknown = nodeModule.createRequire(import.meta.url)(resolve(path)).default;
  if (!isVendor(vendor)) throw refuse('has no default export that is a Vendor');
  if (vendor.name !== name) throw refuse(`calls itself "${vendor.name}"`);
  return { vendor, source };
}

function sourceOf(path: string, refuse: (problem: string) => OperatorError): string {
  const text = read(path);
  if (text === undefined) throw refuse('is not there');
  const source = /\.m?ts$/.test(path) ? nodeModule.stripTypeScriptTypes(text) : text;
  // It is copied, not bundled: what it needs must be in it.
  const from = /^[ \t]*(?:import|export)\b[^;'"]*['"](?!node:)([^'"]+)['"]/m.exec(source)?.[1];
  if (from) throw refuse(`imports ${from}: it may import types, and what begins with node:`);
  return source;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isVendor(value: unknown): value is Vendor {
  const { name, grants, clientAuth, server, dialect } = (value ?? {}) as Partial<Vendor>;
  return [name, grants, clientAuth, server, dialect].every((member) => member !== undefined);
}

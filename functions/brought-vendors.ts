import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { VENDORS_FILE } from '../shared/contract/names.ts';
import { VENDORS } from '../shared/vendors/index.ts';
import type { Vendor } from '../shared/vendors/vendor.ts';

/** The product's vendors and those that the deployment put beside the bundle. */
export function vendorsHere(): Readonly<Record<string, Vendor>> {
  const file = fileURLToPath(new URL(VENDORS_FILE, import.meta.url));
  if (!existsSync(file)) return VENDORS;
  return { __proto__: null as never, ...VENDORS, ...createRequire(import.meta.url)(file) };
}

import { existsSync } from 'node:fs';
import { VENDORS_FILE } from '../shared/contract/names.ts';
import { VENDORS } from '../shared/vendors/index.ts';
import type { Vendor } from '../shared/vendors/vendor.ts';

/** The product's vendors and those that the deployment put beside the bundle. */
export async function vendorsHere(): Promise<Readonly<Record<string, Vendor>>> {
  const file = new URL(VENDORS_FILE, import.meta.url);
  if (!existsSync(file)) return VENDORS;
  return { __proto__: null as never, ...VENDORS, ...(await import(file.href)) };
}

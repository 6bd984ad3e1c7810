import { bipsync } from './bipsync.ts';
import { bits } from './bits.ts';
import { bugfender } from './bugfender.ts';
import { bugsplat } from './bugsplat.ts';
import { custom } from './custom.ts';
import type { Vendor } from './vendor.ts';

/** Every vendor, by the name that a connections file gives it. The one list. */
export const VENDORS: Readonly<Record<string, Vendor>> = {
  // Names come from a file: `constructor` must not be one.
  __proto__: null as never,
  bugsplat,
  bugfender,
  bipsync,
  bits,
  custom,
};

import { bipsync } from './bipsync.ts';
import { bits } from './bits.ts';
import { bugfender } from './bugfender.ts';
import { bugsplat } from './bugsplat.ts';
import { custom } from './custom.ts';
import type { Vendor } from './vendor.ts';

/** The one list. */
const EVERY = { bugsplat, bugfender, bipsync, bits, custom } satisfies Record<string, Vendor>;

export type VendorName = keyof typeof EVERY;

/** Every vendor, by the name that a connections file gives it: `constructor` must not be one. */
export const VENDORS: Readonly<Record<string, Vendor>> = { __proto__: null as never, ...EVERY };

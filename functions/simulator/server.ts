/** The simulator's only door: what other programs use of it. */
import { deserialize, serialize } from 'node:v8';
import { VENDOR_NAMES, type VendorName } from './clients.ts';
import { control } from './control.ts';
import { bipsync } from './simulated-bipsync.ts';
import { bits } from './simulated-bits.ts';
import { bugfender } from './simulated-bugfender.ts';
import { bugsplat } from './simulated-bugsplat.ts';
import { SimulatedVendor } from './simulated-vendor.ts';
import type { VendorDefinition } from './vendor-definition.ts';

export { DEMO_CLIENTS, type DemoClient, type DemoClientName, type VendorName } from './clients.ts';

const DEFINITIONS: Record<VendorName, VendorDefinition> = { bugsplat, bugfender, bipsync, bits };

/** The four vendors, each on a loopback port of its own, in this process. */
export type SimulatedVendors = Readonly<Record<VendorName, SimulatedVendor>> & {
  /** Each vendor's `base_url`. */
  readonly origins: Readonly<Record<VendorName, string>>;
  /** Ports and tokens, for another run to go on with: `kept` of its options. */
  keep(): Buffer;
  close(): Promise<void>;
};

type Kept = Partial<Record<VendorName, ReturnType<SimulatedVendor['kept']>>>;

interface SimulationOptions {
  /** The first of four consecutive ports, in the order of `VENDOR_NAMES`; default: any that are free. */
  readonly portBase?: number;
  /** Of an earlier run, whose ports are used where `portBase` names no others. */
  readonly kept?: Buffer;
  /** Milliseconds since the epoch; default: the system's clock. Delays are real time all the same. */
  readonly now?: () => number;
}

/** @throws Error `EADDRINUSE` when a port is taken; then none of the four is left running */
export async function startSimulatedVendors(options: SimulationOptions = {}): Promise<SimulatedVendors> {
  const { portBase, now = Date.now } = options;
  const kept: Kept = options.kept ? deserialize(options.kept) : {};
  const starts = await Promise.allSettled(
    VENDOR_NAMES.map((name, index) =>
      SimulatedVendor.start(name, DEFINITIONS[name], {
        port: portBase === undefined ? (kept[name]?.port ?? 0) : portBase + index,
        tokens: kept[name]?.tokens,
        now,
        control,
      }),
    ),
  );
  const started = starts.filter((start) => start.status === 'fulfilled').map(({ value }) => value);
  const close = async () => {
    await Promise.all(started.map((vendor) => vendor.close()));
  };
  const failure = starts.find((start) => start.status === 'rejected');
  if (failure) {
    await close();
    throw failure.reason;
  }
  const vendors = Object.fromEntries(started.map((vendor) => [vendor.name, vendor]));
  const origins = Object.fromEntries(started.map((vendor) => [vendor.name, vendor.origin]));
  // References among tokens and grants stay what they are, which JSON would not have.
  const keep = () => serialize(Object.fromEntries(started.map((vendor) => [vendor.name, vendor.kept()])));
  return { ...vendors, origins, keep, close } as SimulatedVendors;
}

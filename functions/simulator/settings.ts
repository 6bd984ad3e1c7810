import { BlockList, isIP } from 'node:net';
import * as v from 'valibot';
import { present } from '../../shared/contract/present.ts';
import { checked, descriptions, exactly, whole } from './checked.ts';

/** How a simulated vendor behaves while nothing is wrong. Members as in `PUT /_simulator/settings`. */
export interface Settings {
  /** Seconds that access tokens live. */
  expires_in: number;
  rotate: boolean;
  reuse_detection: boolean;
  /** Seconds. */
  grace_window: number;
  allow_list: readonly string[];
  /** Milliseconds. */
  latency_ms: number;
}

export const DEFAULT_SETTINGS: Settings = {
  expires_in: 3600,
  rotate: true,
  reuse_detection: false,
  grace_window: 0,
  allow_list: [],
  latency_ms: 0,
};

const addressRange = v.pipe(
  v.string(),
  v.check((text) => parseRange(text) !== undefined, 'Expected an IP address or a CIDR range'),
);

const ENTRIES = {
  expires_in: v.optional(whole(1, 31_536_000, 'Seconds that access tokens live')),
  rotate: v.optional(
    v.pipe(v.boolean(), v.description('A refresh gives a new refresh token, and the old one dies')),
  ),
  reuse_detection: v.optional(
    v.pipe(v.boolean(), v.description('A spent refresh token or code that comes again ends the whole grant')),
  ),
  grace_window: v.optional(
    whole(0, 86_400, "Seconds for which a spent refresh token still works, giving its successor's tokens"),
  ),
  allow_list: v.optional(
    v.pipe(v.array(addressRange), v.description('Addresses and CIDR ranges that may call; empty: all')),
  ),
  latency_ms: v.optional(
    whole(0, 600_000, 'Milliseconds that the vendor works before it processes a request'),
  ),
};

/** What each setting does. */
export const SETTING_DESCRIPTIONS = descriptions(ENTRIES);

/** Settings after a change of some. @throws BadControlInput */
export function changed(settings: Settings, change: unknown): Settings {
  return { ...settings, ...present(checked(exactly(ENTRIES), change)) };
}

/** Whether the address may call, going by the allow-list. */
export function admits(settings: Settings, address: string): boolean {
  if (settings.allow_list.length === 0) return true;
  return settings.allow_list.some((range) =>
    parseRange(range)?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  );
}

function parseRange(text: string): BlockList | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return undefined;
  const most = family === 6 ? 128 : 32;
  if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || Number(prefix) > most)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix ?? most), family === 6 ? 'ipv6' : 'ipv4');
  return list;
}

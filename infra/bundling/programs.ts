/** The functions' programs, by the stem of their file in `functions/`. */
export const PROGRAMS = [
  'token-https',
  'token-invoke',
  'callback',
  'refresh',
  'sealing-key',
  'deployment',
] as const;
export type Program = (typeof PROGRAMS)[number];

/** What a bundle is called in its asset. */
export const BUNDLE_FILE = 'index.cjs';

export interface Bundle {
  readonly code: Uint8Array;
  /** Bytes that each input file has in the bundle. */
  readonly inputs: Readonly<Record<string, number>>;
}

/** Invariants that the broker is known to break; what mends one takes it out. */
export const NOT_YET: readonly string[] = [
  'what was revoked comes back only by a consent that was begun afterwards',
  'what was revoked ends at the vendor, unless it was forced',
  'what waits in a rescue is adopted, however late it was put there',
];

import type { Connection, VendorRules } from './connection.ts';
import type { ConnectionMembers } from './schema.ts';
import type { UrlOptions } from './urls.ts';

/** One connection on its way from the file to the broker. */
export interface Draft {
  readonly vendor: VendorRules;
  readonly options: UrlOptions;
  /** As written, without those whose shape is wrong. */
  readonly members: Partial<ConnectionMembers>;
  /** With every default filled in; what is in it for a member of the wrong shape means nothing. */
  readonly connection: Connection;
  /** Names of the members whose shape is wrong: nothing more is said about them, nor concluded from them. */
  readonly misshapen: ReadonlySet<string>;
}

/** Reports what is wrong in one respect. */
export type Rule = (draft: Draft, report: Report) => void;
/** `keys` lead from the connection to the mistake. */
export type Report = (keys: readonly (string | number)[], found: string, allowed: string) => void;

/** Values as a message lists them. */
export const list = (values: readonly string[]) => values.map((value) => `"${value}"`).join(', ');

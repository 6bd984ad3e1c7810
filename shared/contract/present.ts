/** Members that may be `undefined` become members that may be absent. */
export type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * The object without its undefined members. Spread over another it replaces nothing that it does not know: a plain
 * `{ ...grant, refreshToken: undefined }` would erase what is there.
 */
export function present<T extends object>(members: T): Present<T> {
  const kept: Record<string, unknown> = {};
  // Several times for each request: by pairs it would take twice as long.
  for (const name of Object.keys(members)) {
    const value = members[name as keyof T];
    if (value !== undefined) kept[name] = value;
  }
  return kept as unknown as Present<T>;
}

/**
 * Stands in for `@smithy/core/config` in the bundles: where Lambda runs there are no configuration files, for which the SDK
 * looks at the first request of each client. What the environment says holds as ever.
 */
import type { LoadedConfigSelectors, LocalConfigOptions } from '@smithy/core/config';

// @ts-expect-error By its path, because the name leads here; types are beside the name alone.
export * from '../../node_modules/@smithy/core/dist-es/submodules/config/index.js';

type Setting<Value> = Pick<LoadedConfigSelectors<Value>, 'environmentVariableSelector' | 'default'>;

export function loadConfig<Value>(setting: Setting<Value>, options?: LocalConfigOptions) {
  let loaded: Promise<Value> | undefined;
  return () => (loaded ??= load(setting, options));
}

async function load<Value>(
  { environmentVariableSelector: inEnvironment, default: otherwise }: Setting<Value>,
  options?: LocalConfigOptions,
): Promise<Value> {
  try {
    const value = inEnvironment(process.env, options);
    if (value !== undefined) return value;
  } catch {
    // As the SDK has it, a value that cannot be read counts as none.
  }
  return otherwise instanceof Function ? otherwise() : otherwise;
}

import type { ModelConfig } from './model-config';

/** Where a setting comes from, the weakest first. */
export type Origin = 'default' | 'server file' | 'model file' | 'flag';

/** Settings of one place. */
export interface Layer<Config> {
  readonly from: Origin;
  /** The file. */
  readonly file?: string;
  readonly config: Config;
}

/** A setting that holds, as `--print-config` shows it. */
export interface Effective {
  readonly value: unknown;
  readonly from: Origin;
  readonly file?: string;
}

/** The settings that hold: of each key the last layer that has it, of limits each by itself. */
export function merged<Config extends object>(layers: readonly Layer<Config>[]): Config {
  const configs = layers.map(({ config }) => config);
  const limits = configs.flatMap((config) => ('limits' in config ? [config.limits] : []));
  return Object.assign(
    {},
    ...configs,
    limits.length > 0 && { limits: Object.assign({}, ...limits) as object },
  ) as Config;
}

/** The same with where each comes from. */
export function described<Config extends object>(
  layers: readonly Layer<Config>[],
): Record<string, Effective> {
  const found: Record<string, Effective> = {};
  for (const { from, file, config } of layers) {
    for (const [key, value] of Object.entries(config as Record<string, unknown>)) {
      if (key === '$schema' || value === undefined) continue;
      const before = key === 'limits' ? found[key]?.value : undefined;
      const held = before === undefined ? value : { ...before, ...(value as object) };
      found[key] = { value: held, from, ...(file !== undefined && { file }) };
    }
  }
  return found;
}

/** What holds for a model that nobody says anything of. */
export const MODEL_DEFAULTS: ModelConfig = {
  versionPolicy: { latest: { count: 1 } },
  concurrency: 1,
  inline: 'auto',
  isolation: 'none',
  limits: { maxQueue: 1024 },
};

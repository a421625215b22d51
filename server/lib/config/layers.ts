import type { WatchConfig } from '../models';
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

/** Keys whose values are laid over each other key by key. */
const NESTED = new Set(['limits', 'watch']);

/** A value over one of a weaker layer. */
function over(key: string, before: unknown, value: unknown): unknown {
  const areBoth = typeof before === 'object' && typeof value === 'object';
  if (!NESTED.has(key) || !areBoth) {
    // What is switched on has what was said of it before.
    return key === 'watch' && value === true && typeof before === 'object' ? before : value;
  }
  return { ...before, ...value };
}

/** The settings that hold: of each key the last layer that has it, of limits and watch each by itself. */
export function merged<Config extends object>(layers: readonly Layer<Config>[]): Config {
  const held: Record<string, unknown> = {};
  for (const { config } of layers) {
    for (const [key, value] of Object.entries(config)) held[key] = over(key, held[key], value);
  }
  return held as Config;
}

/** What is printed for what is secret. */
const HIDDEN = '…';

/** How a model is watched, without the values of its events' headers and its URL's password. */
function withoutSecrets(watch: unknown): unknown {
  const { events } = (watch ?? {}) as WatchConfig;
  if (events === undefined) return watch;
  const { url, headers } = events;
  const names = Object.keys(headers ?? {});
  const shown = {
    ...events,
    url: url.replace(/(?<=\/\/)[^/?#]*(?=@)/, HIDDEN),
    ...(headers && { headers: Object.fromEntries(names.map((name) => [name, HIDDEN])) }),
  };
  return { ...(watch as WatchConfig), events: shown };
}

/** The same with where each comes from, and without what is secret. */
export function described<Config extends object>(
  layers: readonly Layer<Config>[],
): Record<string, Effective> {
  const found: Record<string, Effective> = {};
  for (const { from, file, config } of layers) {
    for (const [key, value] of Object.entries(config as Record<string, unknown>)) {
      if (key === '$schema' || value === undefined) continue;
      found[key] = {
        value: over(key, found[key]?.value, key === 'watch' ? withoutSecrets(value) : value),
        from,
        ...(file !== undefined && { file }),
      };
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
  watch: false,
};

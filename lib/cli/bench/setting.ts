import { basename, resolve, sep } from 'node:path';

import { printable } from '../output';

/** How a run is asked for: `session.run`, `binding.run` or `session.runSync`. */
export const APIS = ['run', 'bind', 'sync'] as const;
export type Api = (typeof APIS)[number];

/** One thing to measure: a model and how it is run. Left out is the session's default. */
export interface Setting {
  readonly model: string;
  readonly provider?: string;
  readonly threads?: number;
  /** Runs in flight; with a rate, runs at once. */
  readonly concurrency: number;
  /** Size of the first dimension of every input. */
  readonly batch?: number;
  /** Mean arrivals a second of an open loop; left out is a closed loop. */
  readonly rate?: number;
  readonly api: Api;
}

/** Lists of what to try; every combination is measured. */
export interface SettingLists {
  readonly models: readonly string[];
  readonly providers: readonly (string | undefined)[];
  readonly threads: readonly (number | undefined)[];
  readonly concurrency: readonly number[];
  readonly batches: readonly (number | undefined)[];
  readonly rates: readonly (number | undefined)[];
  readonly api: Api;
}

const unless = <Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): Partial<Record<Key, Value>> =>
  value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);

/** Every combination, the last list fastest, so that a curve's points are neighbours. */
export function combinations(lists: SettingLists): Setting[] {
  const { models, providers, threads, concurrency, batches, rates, api } = lists;
  const settings: Setting[] = [];
  for (const model of models)
    for (const provider of providers)
      for (const thread of threads)
        for (const batch of batches)
          for (const rate of rates)
            for (const inFlight of concurrency)
              settings.push({
                model,
                ...unless('provider', provider),
                ...unless('threads', thread),
                concurrency: inFlight,
                ...unless('batch', batch),
                ...unless('rate', rate),
                api,
              });
  return settings;
}

/** A setting's parts as words; `of` says which to name. */
function words(setting: Setting): Record<string, string> {
  const { provider, threads, concurrency, batch, rate, api } = setting;
  return {
    provider: provider ?? 'default provider',
    threads: threads === undefined ? 'default threads' : `${threads} thread${plural(threads)}`,
    batch: batch === undefined ? 'default batch' : `batch ${batch}`,
    concurrency: `${concurrency} in flight`,
    rate: rate === undefined ? 'closed loop' : `${rate}/s`,
    api,
  };
}

const plural = (count: number): string => (count === 1 ? '' : 's');

/** `a.onnx`, or with as much of its folder as tells it from the others. */
function modelNames(models: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const model of models) {
    const parts = resolve(model).split(sep);
    let taken = 1;
    const name = (): string => parts.slice(-taken).join('/');
    const clash = (): boolean =>
      models.some(
        (other) =>
          resolve(other) !== resolve(model) &&
          resolve(other).split(sep).slice(-taken).join('/') === name(),
      );
    while (clash() && taken < parts.length) taken++;
    names.set(model, printable(name()));
  }
  return names;
}

/** A name for each setting: the model, and whatever differs between the settings. */
export function labelsOf(settings: readonly Setting[]): string[] {
  const names = modelNames([...new Set(settings.map(({ model }) => model))]);
  const all = settings.map(words);
  const varying = Object.keys(all[0] ?? {}).filter(
    (key) => new Set(all.map((item) => item[key])).size > 1,
  );
  return numbered(
    settings.map(({ model }, index) => {
      const parts = varying.map((key) => all[index]?.[key] ?? '');
      if (names.size > 1 || parts.length === 0) parts.unshift(names.get(model) ?? model);
      return parts.join(', ');
    }),
  );
}

/**
 * What a setting is called from one invocation to the next: its model's file name and everything
 * asked for, whether it varies or not.
 */
export function keysOf(settings: readonly Setting[]): string[] {
  return numbered(
    settings.map((setting) =>
      [basename(setting.model), ...Object.values(words(setting))].join(', '),
    ),
  );
}

/** The second of two equal names is `name #2`. */
function numbered(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} #${count}`;
  });
}

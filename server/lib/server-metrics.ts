import { FAILURE_REASONS, type ModelRepository, type ServedModel } from './models';

/** Labels of a sample, whose values are bounded by what is loaded and by this program. */
type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: (models: ModelRepository) => Sample[];
}

const family = (
  name: string,
  help: string,
  samples: (models: ModelRepository) => Sample[],
): Family => ({
  name: `onlite_server_${name}`,
  type: name.endsWith('_total') ? 'counter' : 'gauge',
  help,
  samples,
});

/** A sample for each version that another one's requests are run on. */
const shadows =
  (what: 'compared' | 'differing' | 'failed' | 'dropped') =>
  (models: ModelRepository): Sample[] =>
    models.all().flatMap(({ name, version, model }): Sample[] => {
      if (model === undefined || models.traffic(name).shadow?.version !== version) return [];
      return [[{ model: name, version }, model.statistics.shadow[what]]];
    });

/** A sample for each version that is loaded. */
const loaded =
  (value: (model: ServedModel) => number) =>
  (models: ModelRepository): Sample[] =>
    models
      .all()
      .flatMap(({ name, version, model }): Sample[] =>
        model === undefined ? [] : [[{ model: name, version }, value(model)]],
      );

const families: readonly Family[] = [
  family(
    'requests_total',
    'Requests that were answered with outputs.',
    loaded(({ statistics }) => statistics.success.count),
  ),
  family(
    'requests_failed_total',
    'Requests whose run failed.',
    loaded(({ statistics }) => statistics.fail.count),
  ),
  family(
    'inline_threads',
    "Threads of the server that make the model's runs themselves.",
    loaded(({ statistics }) => statistics.inline.threads),
  ),
  family(
    'inline_runs_total',
    'Runs that were made on the thread that answers the request.',
    loaded(({ statistics }) => statistics.inline.runs),
  ),
  family(
    'inline_changes_total',
    'How often a thread has begun to make runs itself, or ended that.',
    loaded(({ statistics }) => statistics.inline.changes),
  ),
  family(
    'model_version_state',
    'States of versions; 1 for the one that a version is in.',
    (models) =>
      models.all().map(({ name, version, state }) => [{ model: name, version, state }, 1]),
  ),
  family('model_version_default', '1 for the version of requests that name none.', (models) =>
    models.all().flatMap(({ name, version, model }): Sample[] => {
      if (model === undefined) return [];
      return [[{ model: name, version }, Number(models.find(name) === model)]];
    }),
  ),
  family('model_loads_total', 'Versions that were loaded, anew ones too.', (models) =>
    models.allCounts().map(([model, { loads }]) => [{ model }, loads]),
  ),
  family(
    'model_swaps_total',
    'How often requests that name no version got another one than before.',
    (models) => models.allCounts().map(([model, { swaps }]) => [{ model }, swaps]),
  ),
  family('model_load_failures_total', 'Versions that could not be loaded, by why.', (models) =>
    models
      .allCounts()
      .flatMap(([model, counts]) =>
        FAILURE_REASONS.map((reason): Sample => [{ model, reason }, counts.failures(reason)]),
      ),
  ),
  family('canary_share', "The canary's share of requests that name no version.", (models) =>
    models.names.flatMap((name): Sample[] => {
      const canary = models.canary(name);
      if (canary === undefined) return [];
      return [[{ model: name, version: canary.model.version }, canary.share]];
    }),
  ),
  family('canary_requests_total', 'Requests that were given to the canary.', (models) =>
    models.names.flatMap((name): Sample[] => {
      const canary = models.canary(name)?.model;
      if (canary === undefined) return [];
      const { canaryRequests } = canary.statistics;
      return [[{ model: name, version: canary.version }, canaryRequests]];
    }),
  ),
  family('shadow_share', 'The share of requests that is run on a version besides.', (models) =>
    models.names.flatMap((name): Sample[] => {
      const { shadow } = models.traffic(name);
      if (shadow === undefined) return [];
      return [[{ model: name, version: shadow.version }, shadow.percent / 100]];
    }),
  ),
  family(
    'shadow_compared_total',
    'Requests that were run on a version besides and compared.',
    shadows('compared'),
  ),
  family(
    'shadow_differing_total',
    'Those of them whose outputs were not alike.',
    shadows('differing'),
  ),
  family('shadow_failed_total', 'Runs besides that failed.', shadows('failed')),
  family(
    'shadow_dropped_total',
    'Runs besides that were left out because too many were under way.',
    shadows('dropped'),
  ),
];

/** What the server knows beside the sessions, of all its threads: requests, versions and how those are spread. */
export function serverText(models: ModelRepository, isOpen: boolean): string {
  let text = '';
  for (const { name, type, help, samples } of families) {
    const of = isOpen ? name.replace(/_total$/, '') : name;
    text += `# HELP ${of} ${help}\n# TYPE ${of} ${type}\n`;
    for (const [labels, value] of samples(models)) {
      const printed = Object.entries(labels).map(([key, label]) => `${key}="${escaped(label)}"`);
      text += `${name}{${printed.join(',')}} ${value}\n`;
    }
  }
  return text;
}

/** As a label's value is written. */
const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

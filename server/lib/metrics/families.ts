import {
  FAILURE_REASONS,
  LATENCY_EDGES,
  OUTCOMES,
  PROTOCOLS,
  REQUEST_PHASES,
  type ModelRepository,
  type ServedModel,
} from '../models';
import type { WatchOverview } from '../watch/local-watches';
import { TRANSPORTS, type RequestCounts } from './request-counts';
import { batchSizes, runDurations } from './session-histograms';
import type { Family, Sample } from './text';

/** What is told of. */
export interface Measured {
  readonly models: ModelRepository;
  readonly counts: RequestCounts;
  /** How what is watched does; undefined where nothing is. */
  readonly watched: () => Promise<WatchOverview> | undefined;
  /** This package's version. */
  readonly version: string;
}

interface FamilyOf extends Omit<Family, 'samples'> {
  readonly samples: (measured: Measured) => Sample[];
}

/** To add a metric is to add one of these to {@link families}. */
const family = (
  name: string,
  help: string,
  samples: (models: ModelRepository, measured: Measured) => Sample[],
  type: Family['type'] = name.endsWith('_total') ? 'counter' : 'gauge',
): FamilyOf => ({
  name: `onlite_server_${name}`,
  type,
  help,
  samples: (measured) => samples(measured.models, measured),
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
const loaded = (value: (model: ServedModel) => number) =>
  eachLoaded((model, labels) => [[labels, value(model)]]);

/** Some samples for each version that is loaded. */
const eachLoaded =
  (samples: (model: ServedModel, labels: { model: string; version: string }) => Sample[]) =>
  (models: ModelRepository): Sample[] =>
    models
      .all()
      .flatMap(({ name, version, model }): Sample[] =>
        model === undefined ? [] : samples(model, { model: name, version }),
      );

/** Times of requests by protocol, of those that there were. */
function requestDurations(
  { statistics }: ServedModel,
  labels: { model: string; version: string },
): Sample[] {
  return PROTOCOLS.flatMap((protocol, index) =>
    REQUEST_PHASES.flatMap((phase, at): Sample[] => {
      const values = statistics.latency.values(index, at);
      if (values === undefined) return [];
      return [
        [
          { ...labels, protocol, phase },
          { edges: LATENCY_EDGES, ...values },
        ],
      ];
    }),
  );
}

/** Every outcome of the protocols that were spoken, so that none appears with its first increment. */
const answers = (_models: ModelRepository, { counts }: Measured): Sample[] =>
  PROTOCOLS.flatMap((protocol, index): Sample[] => {
    const all = OUTCOMES.map((outcome): Sample => [
      { protocol, outcome },
      counts.count(index, outcome),
    ]);
    return all.some(([, value]) => value !== 0) ? all : [];
  });

const families: readonly FamilyOf[] = [
  family('info', '1, with the versions of the server and of Node.js.', (_models, { version }) => [
    [{ version, node: process.versions.node }, 1],
  ]),
  family('start_time_seconds', 'When the process was started, in seconds since 1970.', () => [
    [{}, Math.round(performance.timeOrigin) / 1e3],
  ]),
  family(
    'answers_total',
    'Requests of all kinds that were answered, or could not be, by what they came to.',
    answers,
  ),
  family('requests_in_flight', 'Requests that are being answered.', (_models, { counts }) =>
    TRANSPORTS.map((transport, index) => [{ transport }, counts.inFlight(index)]),
  ),
  family(
    'request_duration_seconds',
    'Time of requests that were answered with outputs, by phase.',
    eachLoaded(requestDurations),
    'histogram',
  ),
  family(
    'run_duration_seconds',
    'Time of the runs of versions, by phase.',
    eachLoaded(runDurations),
    'histogram',
  ),
  family(
    'batch_size',
    'Rows of the batches that were started, without padding.',
    eachLoaded(batchSizes),
    'histogram',
  ),
  family(
    'model_requests_total',
    'Requests for a version that is known, by what they came to.',
    eachLoaded(({ statistics }, labels) =>
      OUTCOMES.map((outcome) => [{ ...labels, outcome }, statistics.outcomes(outcome)]),
    ),
  ),
  family(
    'inferences_total',
    'Rows that were answered: of the first dimension of the first input, or one a request.',
    loaded(({ statistics }) => statistics.inferences),
  ),
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
    'queue_length',
    'Requests that wait for a run.',
    loaded(({ statistics }) => statistics.waiting),
  ),
  family('requests_not_run_total', 'Requests that were never run, by why.', (models) =>
    models
      .all()
      .flatMap(({ name, version, model }): Sample[] =>
        Object.entries(model?.statistics.notRun ?? {}).map(([reason, count]) => [
          { model: name, version, reason },
          count,
        ]),
      ),
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
export const serverFamilies = (measured: Measured): Family[] =>
  families.map(({ samples, ...family }) => ({ ...family, samples: samples(measured) }));

import type { FeatureDrift, VersionQuality } from 'onlite/watch';

import type { WatchState } from '../watch/watched-version';
import type { Family, Sample } from './text';

/** Features of a version that have samples, in the reference's order; more would make the metrics grow. */
const MOST_FEATURES = 100;

type Values = readonly (readonly [more: Readonly<Record<string, string>>, value: number])[];

/** A family of samples of each version, of those values that are numbers. */
function family(
  name: string,
  help: string,
  values: (state: WatchState) => Values,
): (states: readonly WatchState[]) => Family {
  return (states) => ({
    name: `onlite_watch_${name}`,
    type: name.endsWith('_total') ? 'counter' : 'gauge',
    help,
    samples: states.flatMap((state) =>
      values(state)
        .filter(([, value]) => Number.isFinite(value))
        .map(([more, value]): Sample => [
          { model: state.name, version: state.version, ...more },
          value,
        ]),
    ),
  });
}

const one = (value: number | undefined): Values => (value === undefined ? [] : [[{}, value]]);

type Quality = VersionQuality['quality'];

/** Figures of the window of labelled rows, which a version has only of itself. */
const ofQuality =
  (value: (quality: Quality) => Values) =>
  ({ report, version }: WatchState): Values => {
    const found = report.quality.find((each) => each.version === version);
    return found === undefined ? [] : value(found.quality);
  };

/** One of the figures of classifications, or of regressions. */
const measure = (name: string, help: string, value: (quality: Quality) => number | undefined) =>
  family(
    name,
    help,
    ofQuality((quality) => one(value(quality))),
  );

/** By their names, each once: an input may be called as predictions are. */
function byName<Feature extends { readonly name: string }>(
  features: readonly Feature[],
): readonly Feature[] {
  const found = new Map<string, Feature>();
  for (const feature of features) {
    if (found.size < MOST_FEATURES && !found.has(feature.name)) found.set(feature.name, feature);
  }
  return [...found.values()];
}

const ofFeatures =
  (value: (feature: FeatureDrift) => Values[number]) =>
  ({ report: { drift } }: WatchState): Values =>
    drift === null
      ? []
      : byName([...drift.features, ...(drift.predictions ? [drift.predictions] : [])]).map(value);

const ofBins =
  (numbers: 'counts' | 'reference') =>
  ({ bins }: WatchState): Values =>
    byName(bins).flatMap(({ name: feature, bins: names, [numbers]: values }) =>
      names.map((bin, index): Values[number] => [{ feature, bin }, values[index] ?? NaN]),
    );

const families = [
  family('requests_total', 'Requests that were looked at.', ({ report }) => one(report.requests)),
  family(
    'skipped_total',
    'Requests that were not looked at, but for whether they failed.',
    ({ report }) => one(report.skipped),
  ),
  family('rows_total', 'Rows of those requests.', ({ report }) => one(report.rows)),
  family(
    'lost_total',
    'What could not be recorded, by why: requests that came too fast from other threads or could not be understood, lines of the log and of the journal of labels, and events that were not taken.',
    ({ report, dropped }) => [
      [{ reason: 'busy' }, dropped],
      [{ reason: 'unread' }, report.unread],
      [{ reason: 'log' }, report.log.dropped],
      [{ reason: 'journal' }, report.labels.lost],
      [{ reason: 'events' }, report.events.dropped],
    ],
  ),
  family('errors_total', 'Runs that failed, by kind.', ({ report }) =>
    report.errors.map(({ kind, count }) => [{ kind }, count]),
  ),
  family(
    'outputs_total',
    'Rows with faulty outputs, by fault; of a sample, as many as they stand for.',
    ({ report: { outputs } }) =>
      (['nan', 'infinite', 'saturated', 'constant'] as const).map((fault) => [
        { fault },
        outputs[fault],
      ]),
  ),
  family(
    'labels_total',
    'True labels that were joined to their predictions, those without one, those of requests that were not looked at, and predictions whose label did not come in time.',
    ({ report: { labels } }) =>
      (['joined', 'unmatched', 'unsampled', 'expired'] as const).map((outcome) => [
        { outcome },
        labels[outcome],
      ]),
  ),
  family('labels_pending', 'Predictions that wait for their labels.', ({ report }) =>
    one(report.labels.pending),
  ),
  measure('labelled_rows', 'Labelled rows that the figures are of.', ({ rows }) => rows),
  measure('accuracy', 'Share of the last labelled rows whose class is right.', (quality) =>
    'accuracy' in quality ? quality.accuracy : undefined,
  ),
  family(
    'accuracy_interval',
    "Bounds of the accuracy's confidence interval.",
    ofQuality((quality) => {
      if (!('accuracyInterval' in quality)) return [];
      const [low, high] = quality.accuracyInterval;
      return [
        [{ bound: 'low' }, low],
        [{ bound: 'high' }, high],
      ];
    }),
  ),
  measure('precision', 'Mean of the precisions of classes.', (quality) =>
    'macro' in quality ? quality.macro.precision : undefined,
  ),
  measure('recall', 'Mean of the recalls of classes.', (quality) =>
    'macro' in quality ? quality.macro.recall : undefined,
  ),
  measure('f1', 'Mean of the F1 of classes.', (quality) =>
    'macro' in quality ? quality.macro.f1 : undefined,
  ),
  measure('log_loss', 'Mean of -ln of the probability of the true class.', (quality) =>
    'logLoss' in quality ? quality.logLoss : undefined,
  ),
  measure('auc', 'Area under the ROC curve.', (quality) =>
    'auc' in quality ? quality.auc : undefined,
  ),
  measure('calibration_error', 'Expected calibration error.', (quality) =>
    'calibrationError' in quality ? quality.calibrationError : undefined,
  ),
  measure('mean_absolute_error', 'Mean absolute error of predicted numbers.', (quality) =>
    'meanAbsoluteError' in quality ? quality.meanAbsoluteError : undefined,
  ),
  measure('root_mean_squared_error', 'Root of the mean squared error.', (quality) =>
    'rootMeanSquaredError' in quality ? quality.rootMeanSquaredError : undefined,
  ),
  measure('r2', 'Coefficient of determination.', (quality) =>
    'r2' in quality ? quality.r2 : undefined,
  ),
  family('alert', '1 for an alert that is active.', ({ report }) =>
    report.alerts.map(({ name: alert, isActive }) => [{ alert }, Number(isActive)]),
  ),
  family('drift_rows', 'Rows that are compared with the reference.', ({ report }) =>
    one(report.drift?.rows),
  ),
  family('drifted_share', 'Share of the features that have drifted.', ({ report }) =>
    one(report.drift?.driftedShare),
  ),
  family(
    'drift_score',
    'How far a feature is from the reference: a distance, or of ks, chisquare and z a probability.',
    ofFeatures(({ name: feature, method, value }) => [{ feature, method }, value]),
  ),
  family(
    'drifted',
    '1 for a feature that has drifted.',
    ofFeatures(({ name: feature, drifted }) => [{ feature }, Number(drifted)]),
  ),
  family(
    'stability_index',
    "Population stability index over the reference's bins, of the last rows.",
    ofFeatures(({ name: feature, stabilityIndex }) => [{ feature }, stabilityIndex]),
  ),
  family(
    'missing_share',
    'Share of the last rows without a value.',
    ofFeatures(({ name: feature, missing }) => [{ feature }, missing]),
  ),
  family(
    'out_of_range_share',
    'Share of the last rows with values that the reference does not have.',
    ofFeatures(({ name: feature, outOfRange }) => [{ feature }, outOfRange]),
  ),
  family(
    'feature_bin_total',
    "Values by the reference's bins: their upper edges, or categories; of a sample, as many as they stand for.",
    ofBins('counts'),
  ),
  family('feature_bin_reference', "The reference's shares of the same bins.", ofBins('reference')),
];

/** What is known of models that are watched. */
export const watchFamilies = (states: readonly WatchState[]): Family[] =>
  families.map((family) => family(states));

import type { FeatureDrift, WatchReport } from 'onlite/watch';

import type { WatchOverview } from '../watch/local-watches';

/** Those that have moved most; the metrics have the others. */
const MOST_FEATURES = 20;

/** What is told of a version that is watched. Of errors no features are, which not all who monitor may see. */
export function watchedVersion(
  watched: WatchOverview | undefined,
  name: string,
  version: string,
): { readonly watch?: object } {
  const state = watched?.states.find((each) => each.name === name && each.version === version);
  if (state === undefined) return {};
  const { report, dropped } = state;
  const { since, requests, skipped, rows, unread, outputs, labels, log, events } = report;
  const { alerts, errors } = report;
  const quality = report.quality.find((each) => each.version === version);
  const watch = {
    ...{ since, requests, skipped, rows, dropped, unread, outputs, labels, log, events, alerts },
    errors: errors.map(({ kind, count, firstSeen, lastSeen, example: { message, unusual } }) => ({
      ...{ kind, count, firstSeen, lastSeen, message },
      ...(unusual && { unusual }),
    })),
    ...(quality && { quality: figuresOf(quality.quality) }),
    ...(report.drift && { drift: driftOf(report.drift) }),
  };
  return { watch };
}

type Quality = WatchReport['quality'][number]['quality'];

/** Without what is of each class. */
function figuresOf(quality: Quality): object {
  if (quality.kind === 'regression') return quality;
  const { kind, rows, accuracy, accuracyInterval, macro, logLoss, auc, calibrationError } = quality;
  return { kind, rows, accuracy, accuracyInterval, macro, logLoss, auc, calibrationError };
}

function driftOf({ rows, driftedShare, features, predictions }: NonNullable<WatchReport['drift']>) {
  const told = ({ name, method, value, drifted, ...more }: FeatureDrift) => {
    const { stabilityIndex, missing, outOfRange } = more;
    return { name, method, value, drifted, stabilityIndex, missing, outOfRange };
  };
  return {
    ...{ rows, driftedShare, count: features.length },
    features: [...features]
      .sort((a, b) => b.stabilityIndex - a.stabilityIndex)
      .slice(0, MOST_FEATURES)
      .map(told),
    ...(predictions && { predictions: told(predictions) }),
  };
}

/** What is over time, of models that its reader may see. */
export const historyOf = (
  { points, marks }: WatchOverview,
  allows: (model: string) => boolean,
): object => ({
  points: points.map((point) => ({
    ...point,
    versions: point.versions.filter(({ name }) => allows(name)),
  })),
  marks: marks.filter(({ name }) => allows(name)),
});

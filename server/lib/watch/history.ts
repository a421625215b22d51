import type { WatchState } from './watched-version';

/** How a version did at a time. */
export interface VersionPoint {
  readonly name: string;
  readonly version: string;
  readonly requests: number;
  /** Accuracy, or the mean absolute error of regressions. */
  readonly quality: number | null;
  readonly isRegression: boolean;
  /** Runs that have failed since the start, by kind: the most frequent ones. */
  readonly errors: Readonly<Record<string, number>>;
  /** Stability indices of the features, or of those that have moved most. */
  readonly stability: Readonly<Record<string, number>>;
}

/** How all were at a time. */
export interface HistoryPoint {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly residentBytes: number;
  /** Since the process was started. */
  readonly cpuSeconds: number;
  readonly versions: readonly VersionPoint[];
}

/** Something that happened to versions of a model. */
export interface Mark {
  readonly at: number;
  readonly name: string;
  readonly text: string;
}

/** A version that is loaded. */
export interface LoadedVersion {
  readonly name: string;
  readonly version: string;
  /** It has the requests that name none. */
  readonly isDefault: boolean;
}

const MOST_POINTS = 300;
const MOST_MARKS = 100;
/** Of all points together, about 16 MiB. */
const MOST_VERSION_POINTS = 20_000;
/** Of one point; of more versions there are the first ones. */
const MOST_VERSIONS = 500;
const MOST_LINES = 6;
const FIRST_INTERVAL_MS = 1000;

/** Marks come between points: times are apart by less than this. */
const SLACK_MS = 100;

function first<Item>(items: readonly Item[], entry: (item: Item) => [string, number]) {
  return Object.fromEntries(items.slice(0, MOST_LINES).map(entry));
}

function pointOf({ name, version, report }: WatchState): VersionPoint {
  const quality = report.quality.find((each) => each.version === version)?.quality;
  const features = [
    ...(report.drift?.features ?? []),
    ...(report.drift?.predictions ? [report.drift.predictions] : []),
  ].sort((a, b) => b.stabilityIndex - a.stabilityIndex);
  const isRegression = quality?.kind === 'regression';
  return {
    name,
    version,
    requests: report.requests,
    quality: quality ? (isRegression ? quality.meanAbsoluteError : quality.accuracy) : null,
    isRegression,
    errors: first(report.errors, ({ kind, count }) => [kind, count]),
    stability: first(features, (feature) => [feature.name, feature.stabilityIndex]),
  };
}

/**
 * What has become of the models that are watched and of the process since they are, in bounded memory: where there are
 * too many points every second one goes, and from then on they come half as often.
 */
export class History {
  #points: HistoryPoint[] = [];
  #marks: Mark[] = [];
  #versions: ReadonlyMap<string, readonly LoadedVersion[]> | undefined;
  #intervalMs = FIRST_INTERVAL_MS;

  get points(): readonly HistoryPoint[] {
    return this.#points;
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** A point, if it is time for one, and marks for what has changed since the last look. */
  look(at: number, states: readonly WatchState[], loaded: readonly LoadedVersion[]): void {
    this.#compare(at, loaded);
    const last = this.#points.at(-1);
    if (last !== undefined && at - last.at < this.#intervalMs - SLACK_MS) return;
    const { user, system } = process.cpuUsage();
    this.#points.push({
      at,
      residentBytes: process.memoryUsage.rss(),
      cpuSeconds: (user + system) / 1e6,
      versions: states.slice(0, MOST_VERSIONS).map(pointOf),
    });
    const versions = this.#points.reduce((sum, point) => sum + point.versions.length, 0);
    if (this.#points.length <= MOST_POINTS && versions <= MOST_VERSION_POINTS) return;
    this.#points = this.#points.filter((_, index) => index % 2 === 0);
    this.#intervalMs *= 2;
  }

  #compare(at: number, loaded: readonly LoadedVersion[]): void {
    const before = this.#versions;
    const now = new Map<string, LoadedVersion[]>();
    for (const each of loaded) now.set(each.name, [...(now.get(each.name) ?? []), each]);
    this.#versions = now;
    if (before === undefined) return;
    for (const name of new Set([...before.keys(), ...now.keys()])) {
      const texts = changes(before.get(name) ?? [], now.get(name) ?? []);
      this.#marks.push(...texts.map((text) => ({ at, name, text })));
    }
    this.#marks = this.#marks.slice(-MOST_MARKS);
  }
}

function changes(before: readonly LoadedVersion[], now: readonly LoadedVersion[]): string[] {
  const has = (versions: readonly LoadedVersion[], version: string): boolean =>
    versions.some((each) => each.version === version);
  const defaultOf = (versions: readonly LoadedVersion[]): string | undefined =>
    versions.find(({ isDefault }) => isDefault)?.version;
  const chosen = defaultOf(now);
  return [
    ...now
      .filter(({ version }) => !has(before, version))
      .map(({ version }) => `version ${version} was loaded`),
    ...before
      .filter(({ version }) => !has(now, version))
      .map(({ version }) => `version ${version} was unloaded`),
    ...(chosen !== undefined && chosen !== defaultOf(before)
      ? [`version ${chosen} became the default`]
      : []),
  ];
}

import { OnliteError, invalidArgument } from '../../errors';
import type { LiveQuality } from '../accuracy/live-quality';
import type { DriftReport, FeatureDrift } from '../drift/drift-monitor';
import type { VersionQuality } from './quality-windows';

const qualities = {
  accuracy: (quality: LiveQuality) => ('accuracy' in quality ? quality.accuracy : null),
  precision: (quality: LiveQuality) => ('macro' in quality ? quality.macro.precision : null),
  recall: (quality: LiveQuality) => ('macro' in quality ? quality.macro.recall : null),
  f1: (quality: LiveQuality) => ('macro' in quality ? quality.macro.f1 : null),
  logLoss: (quality: LiveQuality) => ('logLoss' in quality ? quality.logLoss : null),
  auc: (quality: LiveQuality) => ('auc' in quality ? quality.auc : null),
  calibrationError: (quality: LiveQuality) =>
    'calibrationError' in quality ? quality.calibrationError : null,
  meanAbsoluteError: (quality: LiveQuality) =>
    'meanAbsoluteError' in quality ? quality.meanAbsoluteError : null,
  rootMeanSquaredError: (quality: LiveQuality) =>
    'rootMeanSquaredError' in quality ? quality.rootMeanSquaredError : null,
  r2: (quality: LiveQuality) => ('r2' in quality ? quality.r2 : null),
} as const;

const drifts = {
  stabilityIndex: ({ stabilityIndex }: FeatureDrift) => stabilityIndex,
  missing: ({ missing }: FeatureDrift) => missing,
  outOfRange: ({ outOfRange }: FeatureDrift) => outOfRange,
} as const;

/**
 * What an alert looks at: figures of the last labelled rows, of the version that was labelled last (means over the
 * classes); of a feature, or the greatest of all features and the predictions; the share of features that have drifted;
 * the share of the last 1000 requests that failed.
 */
export type AlertMeasure =
  keyof typeof qualities | keyof typeof drifts | 'driftedShare' | 'errorShare';

const measures: readonly string[] = [
  ...Object.keys(qualities),
  ...Object.keys(drifts),
  'driftedShare',
  'errorShare',
];

/** When to tell that a model does not do well: either `below` or `above`. */
export interface AlertRule {
  readonly measure: AlertMeasure;
  readonly below?: number;
  readonly above?: number;
  /** Of `stabilityIndex`, `missing` and `outOfRange`: the one feature, or `prediction`. Default: all. */
  readonly feature?: string;
  /** With fewer rows, or requests of `errorShare`, an alert stays as it is. Default 100. */
  readonly minRows?: number;
}

/** How an alert is. */
export interface AlertState {
  readonly name: string;
  readonly rule: AlertRule;
  readonly isActive: boolean;
  /** Null while there is nothing to look at. */
  readonly value: number | null;
  /** Rows, or requests, that the value is of. */
  readonly rows: number;
  /** When it became active or inactive, in milliseconds since 1970. */
  readonly since: number;
}

/** What alerts are made of. */
export interface AlertSource {
  readonly quality: readonly VersionQuality[];
  readonly drift: DriftReport | null;
  /** Of the last requests. */
  readonly recent: { readonly requests: number; readonly failed: number };
}

const MIN_ROWS = 100;

function requireRule(name: string, rule: AlertRule, hasProfile: boolean): void {
  const path = `alerts.${name}`;
  const { measure, below, above, minRows = MIN_ROWS } = rule;
  if (!measures.includes(measure)) {
    throw invalidArgument(`${path}.measure`, `one of ${measures.join(', ')}`, measure);
  }
  const limit = below ?? above;
  if ((below === undefined) === (above === undefined) || !Number.isFinite(limit)) {
    throw invalidArgument(path, 'a finite number as either below or above', rule);
  }
  if (!(minRows >= 1)) throw invalidArgument(`${path}.minRows`, 'a number from 1 on', minRows);
  const isOfDrift = Object.hasOwn(drifts, measure) || measure === 'driftedShare';
  if (isOfDrift && !hasProfile) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `${path}.measure: there is no profile to compare with`,
    );
  }
}

type Measured = Pick<AlertState, 'value' | 'rows'>;

const NOTHING: Measured = { value: null, rows: 0 };

function measure({ measure: name, feature }: AlertRule, source: AlertSource): Measured {
  const { quality, drift, recent } = source;
  if (name === 'errorShare') {
    const { requests, failed } = recent;
    return requests === 0 ? NOTHING : { value: failed / requests, rows: requests };
  }
  if (Object.hasOwn(qualities, name)) {
    const last = quality.at(-1)?.quality;
    if (last === undefined) return NOTHING;
    const value = qualities[name as keyof typeof qualities](last) ?? null;
    return { value, rows: last.rows };
  }
  if (drift === null) return NOTHING;
  if (name === 'driftedShare') return { value: drift.driftedShare, rows: drift.rows };
  const read = drifts[name as keyof typeof drifts];
  const all = [...drift.features, ...(drift.predictions ? [drift.predictions] : [])];
  const values = all.filter((each) => feature === undefined || each.name === feature).map(read);
  return values.length === 0 ? NOTHING : { value: Math.max(...values), rows: drift.rows };
}

/** Too few rows to tell by say nothing: it stays as it is. */
function isActive(
  { below, above, minRows = MIN_ROWS }: AlertRule,
  { value, rows }: Measured,
  before: boolean,
): boolean {
  if (value === null || rows < minRows) return before;
  return below === undefined ? value > (above ?? Infinity) : value < below;
}

/** Alerts by their names, and how they were when they were last looked at. */
export class Alerts {
  readonly #rules: ReadonlyMap<string, AlertRule>;
  readonly #onChange: (state: AlertState) => void;
  #states: readonly AlertState[];

  /**
   * @param onChange - told of each alert that becomes active, or is no more
   * @throws OnliteError ERR_INVALID_ARGUMENT for a rule that is none, or needs a profile
   */
  constructor(
    rules: Readonly<Record<string, AlertRule>>,
    hasProfile: boolean,
    onChange: (state: AlertState) => void,
  ) {
    for (const [name, rule] of Object.entries(rules)) requireRule(name, rule, hasProfile);
    this.#rules = new Map(Object.entries(rules));
    this.#onChange = onChange;
    const since = Date.now();
    this.#states = [...this.#rules].map(([name, rule]) => ({
      ...{ name, rule, since },
      ...NOTHING,
      isActive: false,
    }));
  }

  /** How they are now. */
  look(source: AlertSource): readonly AlertState[] {
    const changed: AlertState[] = [];
    this.#states = this.#states.map((before) => {
      const measured = measure(before.rule, source);
      const now = isActive(before.rule, measured, before.isActive);
      if (now === before.isActive) return { ...before, ...measured };
      const state = { ...before, ...measured, isActive: now, since: Date.now() };
      changed.push(state);
      return state;
    });
    for (const state of changed) this.#onChange(state);
    return this.#states;
  }
}

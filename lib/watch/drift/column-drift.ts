import { OnliteError, invalidArgument } from '../../errors';
import { binnedShares } from './bins';
import {
  jensenShannonDistance,
  normalizedWasserstein,
  populationStabilityIndex,
} from './distances';
import { chiSquareTest, kolmogorovSmirnov, proportionsTest } from './tests';

/** Numbers, or values that are only equal or not. */
export type ColumnKind = 'numerical' | 'categorical';

/** How two columns are compared. The last three give a probability, the others a distance. */
export type DriftMethod = 'psi' | 'jensenshannon' | 'wasserstein' | 'ks' | 'chisquare' | 'z';

export interface ColumnDriftOptions {
  /** Default: `numerical` where every value that is there is a number. */
  readonly kind?: ColumnKind;
  /** Default: evidently's choice, which {@link defaultDriftMethod} gives. */
  readonly method?: DriftMethod;
  /** A distance from which on, or a probability below which, a column has drifted. */
  readonly threshold?: number;
}

/** How far one column is from its reference. */
export interface ColumnDrift {
  readonly kind: ColumnKind;
  readonly method: DriftMethod;
  /** A distance, 0 for none; of `ks`, `chisquare` and `z` the probability of what was seen. */
  readonly value: number;
  readonly threshold: number;
  readonly drifted: boolean;
  /** Share of the reference's values that are null, undefined, NaN or infinite. */
  readonly missingInReference: number;
  readonly missing: number;
}

interface Method {
  readonly kinds: readonly ColumnKind[];
  readonly threshold: number;
  readonly isProbability: boolean;
  readonly measure: (reference: never[], current: never[], isNumeric: boolean) => number;
}

const anyKind: readonly ColumnKind[] = ['numerical', 'categorical'];

const methods: Readonly<Record<DriftMethod, Method>> = {
  psi: {
    kinds: anyKind,
    threshold: 0.1,
    isProbability: false,
    measure: (reference, current, isNumeric) => {
      const shares = binnedShares(reference, current, isNumeric);
      return populationStabilityIndex(shares.reference, shares.current);
    },
  },
  jensenshannon: {
    kinds: anyKind,
    threshold: 0.1,
    isProbability: false,
    measure: (reference, current, isNumeric) => {
      const shares = binnedShares(reference, current, isNumeric);
      return jensenShannonDistance(shares.reference, shares.current);
    },
  },
  wasserstein: {
    kinds: ['numerical'],
    threshold: 0.1,
    isProbability: false,
    measure: normalizedWasserstein,
  },
  ks: {
    kinds: ['numerical'],
    threshold: 0.05,
    isProbability: true,
    measure: (reference, current) => kolmogorovSmirnov(reference, current).pValue,
  },
  chisquare: { kinds: anyKind, threshold: 0.05, isProbability: true, measure: chiSquareTest },
  z: { kinds: anyKind, threshold: 0.05, isProbability: true, measure: proportionsTest },
};

/** Up to so many reference rows evidently tests a hypothesis; above, it measures a distance. */
const MOST_TESTED = 1000;
const MOST_CATEGORIES = 5;

/** What evidently compares such columns by, when it is not told. */
export function defaultDriftMethod(
  reference: readonly unknown[],
  current: readonly unknown[],
  kind: ColumnKind,
): DriftMethod {
  const distinct = new Set([...reference, ...current]).size;
  const isContinuous = kind === 'numerical' && distinct > MOST_CATEGORIES;
  if (reference.length > MOST_TESTED) return isContinuous ? 'wasserstein' : 'jensenshannon';
  if (isContinuous) return 'ks';
  return distinct > 2 ? 'chisquare' : 'z';
}

function isThere(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  return typeof value !== 'number' || Number.isFinite(value);
}

function columnOf(values: ArrayLike<unknown>, path: string): unknown[] {
  const column = Array.from(values).filter(isThere);
  if (column.length === 0) throw invalidArgument(path, 'at least one value that is there', values);
  return column;
}

/**
 * Compares a column of current values with its reference, by evidently's definitions and thresholds
 * (version 0.7): what is missing, NaN or infinite is left out and its share given instead.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for a column without values, for a method that is none or
 *   that does not compare such columns.
 */
export function columnDrift(
  reference: ArrayLike<unknown>,
  current: ArrayLike<unknown>,
  options: ColumnDriftOptions = {},
): ColumnDrift {
  const before = columnOf(reference, 'reference');
  const now = columnOf(current, 'current');
  const isNumber = (value: unknown): boolean => typeof value === 'number';
  const areNumbers = before.every(isNumber) && now.every(isNumber);
  const kind = options.kind ?? (areNumbers ? 'numerical' : 'categorical');
  const method = options.method ?? defaultDriftMethod(before, now, kind);
  requireMethod(method, kind);
  if (kind === 'numerical' && !areNumbers) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      'kind: numerical, but there are values that are not numbers',
    );
  }
  const { measure, isProbability, threshold: usual } = methods[method];
  const threshold = options.threshold ?? usual;
  const value = measure(before as never[], now as never[], kind === 'numerical');
  return {
    kind,
    method,
    value,
    threshold,
    drifted: isProbability ? value < threshold : value >= threshold,
    missingInReference: 1 - before.length / reference.length,
    missing: 1 - now.length / current.length,
  };
}

/** Whether a method compares such columns. */
export function isMethodFor(method: DriftMethod, kind: ColumnKind): boolean {
  return methods[method].kinds.includes(kind);
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for a method that is none, or not for such columns. */
export function requireMethod(
  method: string,
  kind: ColumnKind,
  path = 'method',
): asserts method is DriftMethod {
  if (!Object.hasOwn(methods, method)) {
    throw invalidArgument(path, `one of ${Object.keys(methods).join(', ')}`, method);
  }
  if (!anyKind.includes(kind)) throw invalidArgument('kind', anyKind.join(' or '), kind);
  if (isMethodFor(method as DriftMethod, kind)) return;
  throw invalidArgument(path, `one that compares ${kind} columns`, method);
}

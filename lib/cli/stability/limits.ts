import type { OutputHealth } from '../../watch/live/output-health';
import type { Stability } from '../../watch/stability/measure';

export interface Limits {
  readonly 'max-changed'?: number;
  readonly 'max-deviation'?: number;
  readonly 'max-repeated'?: number;
  readonly sound?: boolean;
}

/** Options that say what must hold, with their lines in the help. */
export const LIMITS = [
  { name: 'max-changed', value: 'X', help: 'share of changed classes, with any noise or shift' },
  {
    name: 'max-deviation',
    value: 'X',
    help: 'greatest change of a value, with any noise or shift',
  },
  {
    name: 'max-repeated',
    value: 'X',
    help: 'greatest change of a value in repeated runs; 0: none',
  },
  {
    name: 'sound',
    value: '',
    help: 'no output with NaN or Infinity, none that is saturated or constant',
  },
] as const;

/** Whether a limit is held. */
export interface StabilityVerdict {
  readonly limit: keyof Limits;
  readonly bound: number;
  readonly found: number;
  readonly holds: boolean;
}

/** What of outputs is not sound: rows, and 1 for a model that always says the same. */
function faults({ nan, infinite, saturated }: OutputHealth, stability: Stability): number {
  const perturbed = stability.perturbed.reduce((sum, { notFinite }) => sum + notFinite, 0);
  return nan + infinite + saturated + perturbed + (stability.isConstant ? 1 : 0);
}

export function judge(
  limits: Limits,
  stability: Stability,
  outputs: OutputHealth,
): StabilityVerdict[] {
  const { perturbed, repeated } = stability;
  const found: Record<keyof Limits, number> = {
    // Of numbers no class changes: a limit for them is held.
    'max-changed': Math.max(...perturbed.map(({ changedClass = 0 }) => changedClass)),
    'max-deviation': Math.max(...perturbed.map(({ maxDeviation }) => maxDeviation)),
    'max-repeated': repeated.notFinite > 0 ? Infinity : repeated.maxDeviation,
    sound: faults(outputs, stability),
  };
  return LIMITS.flatMap(({ name }) => {
    const limit = limits[name];
    if (limit === undefined) return [];
    const bound = limit === true ? 0 : Number(limit);
    return [{ limit: name, bound, found: found[name], holds: found[name] <= bound }];
  });
}

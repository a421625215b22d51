import { compareMetrics, type Metric, type MetricComparison } from './metrics';
import { isMeasured, type SettingResult } from './result';

/** A setting against the first one; ratios are this one's value to the first one's. */
export interface SideBySide {
  readonly label: string;
  readonly against: string;
  readonly metrics: Partial<Record<Metric, MetricComparison>>;
}

/** Undefined for fewer than two settings that could be measured. */
export function sideBySide(
  settings: readonly SettingResult[],
  tolerance: number,
): SideBySide[] | undefined {
  const [first, ...others] = settings.filter(isMeasured);
  if (first === undefined || others.length === 0) return undefined;
  return others.map(({ label, measured }) => ({
    label,
    against: first.label,
    metrics: compareMetrics(measured, first.measured, tolerance),
  }));
}

/** A figure of a run. */
export interface PublishedMetric {
  readonly key: string;
  readonly value: number;
  readonly step?: number;
  /** Milliseconds since 1970. */
  readonly time?: number;
}

/** What of a command's result is one run of TensorBoard and of MLflow. */
export interface PublishedRun {
  /** Unique among a result's. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** What is not finite is left out. */
  readonly metrics: readonly PublishedMetric[];
}

export const milliseconds = (nanoseconds: number | undefined): number | undefined =>
  nanoseconds === undefined ? undefined : nanoseconds / 1e6;

/** Metrics of what has a finite value. */
export function metricsOf(
  values: Readonly<Record<string, number | undefined>>,
): readonly PublishedMetric[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined || !Number.isFinite(value) ? [] : [{ key, value }],
  );
}

/** Parameters of what has a value. */
export function parametersOf(
  values: Readonly<Record<string, string | number | boolean | undefined>>,
): PublishedRun['parameters'] {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as PublishedRun['parameters'];
}

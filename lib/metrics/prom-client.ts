import { invalidArgument } from '../errors';
import { allFamilies, collect } from './collect';
import type { MetricFamily } from './families';
import { sampleGpus } from './gpus';
import { checkMetricsOptions, type CheckedMetricsOptions, type MetricsOptions } from './options';

/** What is used of a `Registry` of prom-client 15. */
export interface PromClientRegistry {
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
}

/** A metric as prom-client's registry reads it. */
interface PromClientMetric {
  name: string;
  readonly help: string;
  readonly type: MetricFamily['type'];
  readonly aggregator: 'sum';
}

interface PromClientValue {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * Adds the metrics to a registry of prom-client 15, whose own exposition, default labels,
 * merging and JSON then have them. The values are collected when the registry is asked.
 * `registry.resetMetrics()` has no effect on them.
 *
 * @returns takes them out again
 * @throws OnliteError ERR_INVALID_ARGUMENT for an unknown or wrong option, or no registry; prom-client's own
 *   error if the registry has a metric of one of the names.
 */
export function registerWith(registry: PromClientRegistry, options?: MetricsOptions): () => void {
  const { metrics } = checkMetricsOptions(options);
  if (typeof (registry as Partial<PromClientRegistry> | undefined)?.registerMetric !== 'function') {
    throw invalidArgument('registry', 'a Registry of prom-client', registry);
  }
  const collection = new SharedCollection(metrics);
  const registered: Member[] = [];
  const remove = (): void => {
    // prom-client may have renamed them, but knows them by their first names.
    for (const { family } of registered) registry.removeSingleMetric(family.name);
    registered.length = 0;
  };
  try {
    for (const family of allFamilies) {
      const member = new Member(family, collection);
      registry.registerMetric(member as never);
      registered.push(member);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}

/** One collection for all members that are asked in one go. */
class SharedCollection {
  readonly #options: CheckedMetricsOptions;
  #current: Promise<Map<string, MetricFamily>> | undefined;

  constructor(options: CheckedMetricsOptions) {
    this.#options = options;
  }

  get(): Promise<Map<string, MetricFamily>> {
    if (this.#current === undefined) {
      this.#current = this.#collect();
      queueMicrotask(() => {
        this.#current = undefined;
      });
    }
    return this.#current;
  }

  async #collect(): Promise<Map<string, MetricFamily>> {
    if (this.#options.gpu) await sampleGpus();
    return new Map(collect(this.#options).map((family) => [family.name, family]));
  }
}

class Member implements PromClientMetric {
  /** For a registry in OpenMetrics' format prom-client cuts `_total` off, and puts it back. */
  name: string;
  readonly help: string;
  readonly type: MetricFamily['type'];
  readonly aggregator = 'sum';
  readonly #collection: SharedCollection;

  constructor(
    readonly family: Omit<MetricFamily, 'samples'>,
    collection: SharedCollection,
  ) {
    this.name = family.name;
    this.help = family.help;
    this.type = family.type;
    this.#collection = collection;
  }

  async get(): Promise<PromClientMetric & { values: PromClientValue[] }> {
    const families = await this.#collection.get();
    const samples = families.get(this.family.name)?.samples ?? [];
    const { name, help, type, aggregator } = this;
    const values = samples.map(({ suffix, labels, le, value }) => ({
      ...(suffix === undefined ? {} : { metricName: `${this.family.name}${suffix}` }),
      labels: le === undefined ? labels : { ...labels, le: le === Infinity ? '+Inf' : le },
      value,
    }));
    return { name, help, type, aggregator, values };
  }

  reset(): void {
    // The sessions count; nothing is kept here.
  }
}

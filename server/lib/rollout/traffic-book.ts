import type { Canary, ModelRepository, Shadow, Traffic } from '../models';

/** What was changed of how a model's requests are spread, on top of its configuration; null is none. */
export interface TrafficChanges {
  readonly pin?: string | null;
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly canary?: Canary | null;
  readonly shadow?: Shadow | null;
  readonly disabled?: readonly string[];
  readonly unloaded?: boolean;
}

const replaced = <Value>(base: Value | undefined, change: Value | null | undefined) =>
  change === undefined ? base : (change ?? undefined);

/** What holds of both. */
export function overlaid(base: Traffic, changes: TrafficChanges): Traffic {
  const pin = replaced(base.pin, changes.pin);
  const canary = replaced(base.canary, changes.canary);
  const shadow = replaced(base.shadow, changes.shadow);
  const labels = Object.entries({ ...base.labels, ...changes.labels }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  const { disabled = [], unloaded = false } = changes;
  return {
    ...(pin !== undefined && { pin }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    ...(canary !== undefined && { canary }),
    ...(shadow !== undefined && { shadow }),
    ...(disabled.length > 0 && { disabled }),
    ...(unloaded && { unloaded }),
    ...(base.policy !== undefined && { policy: base.policy }),
  };
}

/** How the requests for all models are to be spread: what configurations say, and what was changed since. */
export class TrafficBook {
  readonly #models: ModelRepository;
  readonly #base = new Map<string, Traffic>();
  readonly #changes = new Map<string, TrafficChanges>();

  constructor(models: ModelRepository) {
    this.#models = models;
  }

  changes(name: string): TrafficChanges {
    return this.#changes.get(name) ?? {};
  }

  /** Those of all models that have some. */
  allChanges(): Readonly<Record<string, TrafficChanges>> {
    return Object.fromEntries(this.#changes);
  }

  /** What holds if these are the changes. */
  with(name: string, changes: TrafficChanges): Traffic {
    return overlaid(this.#base.get(name) ?? {}, changes);
  }

  async setBase(name: string, traffic: Traffic): Promise<void> {
    this.#base.set(name, traffic);
    await this.#apply(name);
  }

  async setChanges(name: string, changes: TrafficChanges): Promise<void> {
    if (Object.keys(changes).length === 0) this.#changes.delete(name);
    else this.#changes.set(name, changes);
    await this.#apply(name);
  }

  async #apply(name: string): Promise<void> {
    const traffic = this.with(name, this.changes(name));
    const before = this.#models.traffic(name);
    if (JSON.stringify(before) === JSON.stringify(traffic)) return;
    await this.#models.setTraffic(name, traffic);
  }
}

import type { ServedModel } from './served-model';
import {
  isHigher,
  mayBeDefault,
  placeOf,
  type Canary,
  type CanaryKey,
  type Traffic,
} from './traffic';

/** Gives what of a request a canary is decided by; undefined where the request has no such thing. */
export type KeyReader = (key: CanaryKey) => string | undefined;

/** Which of a model's versions that are available answers requests which name none. */
export class Route {
  readonly model: ServedModel | undefined;
  readonly canary: ServedModel | undefined;
  readonly #canary: Canary | undefined;

  /** @param available - versions that can be used now */
  constructor(traffic: Traffic, available: readonly ServedModel[]) {
    const of = (version: string | undefined) =>
      version === undefined ? undefined : available.find((model) => model.version === version);
    const isEnabled = ({ version }: ServedModel) => traffic.disabled?.includes(version) !== true;
    // What is there answers, rather than nothing: a pinned version may be gone from the disk.
    this.model =
      of(traffic.pin) ??
      highest(available.filter(({ version }) => mayBeDefault(traffic, version))) ??
      highest(available.filter(isEnabled)) ??
      highest(available);
    const canary = of(traffic.canary?.version);
    if (canary === undefined || canary === this.model) return;
    this.canary = canary;
    this.#canary = traffic.canary;
  }

  /** The version for one request. A request without the key that decides is none of the canary's. */
  choose(read: KeyReader): ServedModel | undefined {
    if (this.canary === undefined || this.#canary === undefined) return this.model;
    const { percent, key } = this.#canary;
    const value = key === undefined ? undefined : read(key);
    if (key !== undefined && value === undefined) return this.model;
    const place = value === undefined ? Math.random() * 100 : placeOf(this.canary.name, value);
    return place < percent ? this.canary : this.model;
  }

  /** The canary's share of requests, 0 to 1. */
  get share(): number {
    return (this.#canary?.percent ?? 0) / 100;
  }
}

function highest(models: readonly ServedModel[]): ServedModel | undefined {
  let found: ServedModel | undefined;
  for (const model of models) {
    if (found === undefined || isHigher(model.version, found.version)) found = model;
  }
  return found;
}

import type { ServedModel } from './served-model';

/** What a version goes through between its loading and its first request. @throws PreparationError */
export type Prepare = (model: ServedModel) => Promise<void>;

/** A version that was loaded and does not do what it should: it is not served. */
export class PreparationError extends Error {
  readonly step: 'warm-up' | 'tests';

  constructor(step: 'warm-up' | 'tests', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PreparationError';
    this.step = step;
  }
}

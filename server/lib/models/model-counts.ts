import { OnliteError } from 'onlite';

import { PreparationError } from './preparation';

/** Why a version could not be loaded, as metrics have it. */
export const FAILURE_REASONS = [
  'model',
  'settings',
  'memory',
  'warm-up',
  'tests',
  'other',
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

const byCode: Readonly<Partial<Record<string, FailureReason>>> = {
  ERR_MODEL_NOT_FOUND: 'model',
  ERR_MODEL_INVALID: 'model',
  ERR_OUT_OF_MEMORY: 'memory',
  ERR_INVALID_ARGUMENT: 'settings',
  ERR_UNSUPPORTED: 'settings',
  ERR_PROVIDER_UNAVAILABLE: 'settings',
};

export function failureReason(error: unknown): FailureReason {
  if (error instanceof PreparationError) return error.step;
  return (error instanceof OnliteError ? byCode[error.code] : undefined) ?? 'other';
}

enum Column {
  Loads,
  Swaps,
  Failures,
}

/** What has become of a model's versions, in memory that all threads read and the first one writes. */
export class ModelCounts {
  readonly memory: SharedArrayBuffer;
  readonly #counts: Float64Array;

  constructor(
    memory = new SharedArrayBuffer(
      (Column.Failures + FAILURE_REASONS.length) * Float64Array.BYTES_PER_ELEMENT,
    ),
  ) {
    this.memory = memory;
    this.#counts = new Float64Array(memory);
  }

  loaded(): void {
    this.#add(Column.Loads);
  }

  /** Requests that name no version have another one than before. */
  swapped(): void {
    this.#add(Column.Swaps);
  }

  failed(reason: FailureReason): void {
    this.#add(Column.Failures + FAILURE_REASONS.indexOf(reason));
  }

  #add(column: number): void {
    this.#counts[column] = (this.#counts[column] ?? 0) + 1;
  }

  get loads(): number {
    return this.#counts[Column.Loads] ?? 0;
  }

  get swaps(): number {
    return this.#counts[Column.Swaps] ?? 0;
  }

  failures(reason: FailureReason): number {
    return this.#counts[Column.Failures + FAILURE_REASONS.indexOf(reason)] ?? 0;
  }
}

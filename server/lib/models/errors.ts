/** Why a model cannot be used; each protocol says it in its own form. */
export type ModelErrorKind = 'not-found' | 'not-ready' | 'bad-request' | 'forbidden' | 'overloaded';

/** What is wrong with the model that a request names, or with how it uses it. */
export class ModelError extends Error {
  readonly kind: ModelErrorKind;

  constructor(kind: ModelErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModelError';
    this.kind = kind;
  }
}

/** There is more to be done than can be done in time. */
export class Overloaded extends ModelError {
  /** In how many milliseconds it may be otherwise. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super('overloaded', message);
    this.retryAfterMs = retryAfterMs;
  }
}

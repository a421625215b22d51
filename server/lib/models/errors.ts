/** Why a model cannot be used; each protocol says it in its own form. */
export type ModelErrorKind = 'not-found' | 'not-ready' | 'bad-request' | 'forbidden';

/** What is wrong with the model that a request names, or with how it uses it. */
export class ModelError extends Error {
  readonly kind: ModelErrorKind;

  constructor(kind: ModelErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModelError';
    this.kind = kind;
  }
}

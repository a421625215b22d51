import type {
  Engine,
  OnliteErrorCode,
  SessionOptions,
  SignatureMetadata,
  Tensor,
  ValueMetadata,
} from 'onlite';

/** What a child process loads. */
export interface IsolatedModel {
  readonly model: string | Uint8Array;
  readonly options: SessionOptions;
}

/** What is known of a session wherever it is. */
export interface SessionFacts {
  readonly engine: Engine;
  readonly concurrency: number;
  readonly hasVariables: boolean;
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  readonly signatures: Readonly<Record<string, SignatureMetadata>>;
}

/** A tensor on its way: the bytes of its elements, or strings. */
export interface SentTensor {
  readonly name: string;
  readonly type: Tensor['type'];
  readonly dims: readonly number[];
  readonly data: Uint8Array | readonly string[];
}

export type ChildOrder =
  | { readonly kind: 'load'; readonly model: IsolatedModel; readonly asksForKey: boolean }
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly feeds: readonly SentTensor[];
      readonly signature: string | undefined;
      readonly timeoutMs: number | undefined;
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'warmUp'; readonly id: number; readonly runs: number }
  | { readonly kind: 'reset'; readonly id: number }
  | { readonly kind: 'key'; readonly key: Uint8Array | string | undefined };

export interface SentError {
  readonly code: OnliteErrorCode | undefined;
  readonly message: string;
}

export type ChildMessage =
  | { readonly kind: 'loaded'; readonly facts: SessionFacts }
  | { readonly kind: 'broken'; readonly error: SentError }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly outputs: readonly SentTensor[];
      /** Of the run, in the child. */
      readonly ns: number;
    }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError }
  /** It needs the key of the model. */
  | { readonly kind: 'key'; readonly keyId: string | undefined };

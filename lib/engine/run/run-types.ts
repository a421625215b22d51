import type { TensorLike } from './feeds';
import type { Tensor } from '../tensor/tensor';

/**
 * A run's inputs by name. Any object with `type`, `data` and `dims` is a tensor; an array of
 * tensors is an ONNX sequence.
 */
export type Feeds = Readonly<Record<string, TensorLike | readonly TensorLike[] | null | undefined>>;

/** The outputs wanted: names, or names with null or a tensor to write the result to. */
export type Fetches = readonly string[] | Readonly<Record<string, TensorLike | null>>;

/** A run's outputs by name. Models with sequences or maps give {@link OnnxValue}s. */
export type RunResult = Record<string, Tensor>;

import type { GraphEditor } from '../../formats/onnx';
import type { SessionOptions } from '../../engine/session/session-options';
import type { ValueTypes } from './value-types';

/** What passes know besides the graph. */
export interface PassContext {
  /** Types and shapes of the values that the graph had before the passes. */
  readonly types: ValueTypes;
}

/**
 * Changes a graph into a simpler one that computes the same. A value that gets another type, shape
 * or meaning gets a new name too, so that what the context knows of names stays true.
 *
 * @returns how often it was applied
 */
export type Pass = (editor: GraphEditor, context: PassContext) => number;

/** What else folding may do. */
export interface FoldOptions {
  /** What sessions need, such as libraries of custom operators. */
  readonly session: SessionOptions;
  /** Bytes by which the result of one node may be larger than what it is computed from. */
  readonly growth: number;
}

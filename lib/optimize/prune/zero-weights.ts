import { invalidArgument } from '../../errors';
import { forEachSmallest } from './smallest';
import type { WeightMatrix } from './weight-matrix';

/** The magnitude of weights that are zeroed together: the mean of |w|, or the root of that of w². */
export type Norm = 'l1' | 'l2';

/** Among which weights the smallest are looked for. */
export type PruneScope = 'global' | 'layer' | 'row' | 'channel';

/** Which weights are zeroed together. */
export type Pattern =
  /** Each by itself. */
  | { readonly kind: 'element' }
  /** So many outputs by so many inputs, at one tap of the kernel. */
  | { readonly kind: 'block'; readonly outputs: number; readonly inputs: number }
  /** Of each `of` along the inputs the `keep` largest stay. */
  | { readonly kind: 'n:m'; readonly keep: number; readonly of: number };

export const ELEMENT: Pattern = { kind: 'element' };

const MOST = 1024;

/**
 * `element`, `2:4` and the like, or `4x1`: outputs × inputs.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export function parsePattern(text: string, path: string): Pattern {
  if (text === 'element') return ELEMENT;
  const [, first, sign, second] = /^(\d{1,4})([:x])(\d{1,4})$/.exec(text) ?? [];
  const [a, b] = [Number(first), Number(second)];
  if (sign === ':' && a > 0 && a < b && b <= MOST) return { kind: 'n:m', keep: a, of: b };
  if (sign === 'x' && a > 0 && b > 0 && a <= MOST && b <= MOST) {
    return { kind: 'block', outputs: a, inputs: b };
  }
  throw invalidArgument(path, "'element', N:M with N < M as '2:4', or a block as '4x1'", text);
}

/** A layer's weights while they are pruned. */
export interface Layer {
  readonly values: Float32Array;
  readonly matrix: WeightMatrix;
}

/** How weights are zeroed: the smallest share of them, or those below a magnitude. */
export interface ZeroOptions {
  readonly norm: Norm;
  readonly scope: PruneScope;
  readonly pattern: Pattern;
  /** Share of the weights that are zero then. */
  readonly sparsity: number;
  /** Instead of a share: what is smaller than this becomes zero. */
  readonly threshold?: number;
}

/**
 * Zeroes the weights of least magnitude, in place. What is zero already counts to the share.
 *
 * With `n:m`, `sparsity`, `scope` and `threshold` say nothing: (m − n) of each m become zero.
 */
export function zeroWeights(layers: readonly Layer[], options: ZeroOptions): void {
  const { pattern, scope, threshold } = options;
  if (pattern.kind === 'n:m') {
    for (const layer of layers) keepLargest(layer, pattern);
    return;
  }
  const all = layers.map((layer) => new Blocks(layer, options));
  if (threshold !== undefined) {
    for (const blocks of all) blocks.zeroBelow(threshold);
    return;
  }
  const fields = scope === 'global' ? [all.map((blocks) => blocks.all)] : [];
  if (scope !== 'global')
    for (const blocks of all) fields.push(...blocks.by(scope).map((field) => [field]));
  for (const field of fields) zeroSmallest(field, options.sparsity);
}

/** Blocks among which the smallest are looked for. */
interface Field {
  readonly blocks: Blocks;
  readonly indices: Uint32Array;
}

function zeroSmallest(fields: readonly Field[], sparsity: number): void {
  const total = fields.reduce((sum, { indices }) => sum + indices.length, 0);
  const norms = fields.map(({ blocks, indices }) => blocks.normsOf(indices));
  forEachSmallest(norms, Math.round(sparsity * total), (part, index) => {
    const { blocks, indices } = fields[part] ?? {};
    blocks?.zero(indices?.[index] ?? 0);
  });
}

/** A layer's weights in blocks of outputs × inputs at one tap; those at the edges are smaller. */
class Blocks {
  readonly #layer: Layer;
  readonly #outputs: number;
  readonly #inputs: number;
  readonly #columns: number;
  readonly #norms: Float32Array;

  constructor(layer: Layer, { pattern, norm }: ZeroOptions) {
    const { outputs, inputs, taps } = layer.matrix;
    this.#layer = layer;
    this.#outputs = pattern.kind === 'block' ? pattern.outputs : 1;
    this.#inputs = pattern.kind === 'block' ? pattern.inputs : 1;
    this.#columns = Math.ceil(inputs / this.#inputs);
    const rows = Math.ceil(outputs / this.#outputs);
    this.#norms = new Float32Array(rows * this.#columns * taps);
    for (let block = 0; block < this.#norms.length; block++) {
      this.#norms[block] = this.#norm(block, norm);
    }
  }

  get all(): Field {
    return { blocks: this, indices: Uint32Array.from(this.#norms.keys()) };
  }

  /** The blocks of the layer, of each row of outputs, or of each column of inputs. */
  by(scope: Exclude<PruneScope, 'global'>): Field[] {
    if (scope === 'layer') return [this.all];
    const { taps } = this.#layer.matrix;
    const row = this.#columns * taps;
    const rows = this.#norms.length / row;
    if (scope === 'row') {
      return Array.from({ length: rows }, (_, index) => ({
        blocks: this,
        indices: Uint32Array.from({ length: row }, (__, at) => index * row + at),
      }));
    }
    return Array.from({ length: this.#columns }, (_, column) => ({
      blocks: this,
      indices: Uint32Array.from(
        { length: rows * taps },
        (__, at) => Math.floor(at / taps) * row + column * taps + (at % taps),
      ),
    }));
  }

  normsOf(indices: Uint32Array): Float32Array {
    return Float32Array.from(indices, (index) => this.#norms[index] ?? 0);
  }

  zero(block: number): void {
    const { values } = this.#layer;
    this.#forEach(block, (index) => {
      values[index] = 0;
    });
  }

  zeroBelow(threshold: number): void {
    for (const [block, norm] of this.#norms.entries()) if (norm < threshold) this.zero(block);
  }

  #norm(block: number, norm: Norm): number {
    const { values } = this.#layer;
    let sum = 0;
    let count = 0;
    this.#forEach(block, (index) => {
      const value = values[index] ?? 0;
      sum += norm === 'l1' ? Math.abs(value) : value * value;
      count++;
    });
    return norm === 'l1' ? sum / count : Math.sqrt(sum / count);
  }

  #forEach(block: number, visit: (index: number) => void): void {
    const { outputs, inputs, taps, outputStride, inputStride, tapStride } = this.#layer.matrix;
    const tap = block % taps;
    const column = Math.floor(block / taps) % this.#columns;
    const row = Math.floor(block / (taps * this.#columns));
    const lastOutput = Math.min(outputs, (row + 1) * this.#outputs);
    const lastInput = Math.min(inputs, (column + 1) * this.#inputs);
    for (let output = row * this.#outputs; output < lastOutput; output++) {
      for (let input = column * this.#inputs; input < lastInput; input++) {
        visit(output * outputStride + input * inputStride + tap * tapStride);
      }
    }
  }
}

/** Of each `of` weights along the inputs only the `keep` largest stay; of fewer, as many. */
function keepLargest(
  { values, matrix }: Layer,
  { keep, of }: { readonly keep: number; readonly of: number },
): void {
  const { outputs, inputs, taps, outputStride, inputStride, tapStride } = matrix;
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let first = 0; first < inputs; first += of) {
        const count = Math.min(of, inputs - first);
        const at = (input: number): number =>
          output * outputStride + (first + input) * inputStride + tap * tapStride;
        const smallestFirst = Array.from({ length: count }, (_, input) => at(input)).sort(
          (a, b) => Math.abs(values[a] ?? 0) - Math.abs(values[b] ?? 0),
        );
        for (const index of smallestFirst.slice(0, Math.max(0, count - keep))) values[index] = 0;
      }
    }
  }
}

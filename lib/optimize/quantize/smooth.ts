import type { GraphEditor } from '../../formats/onnx';
import { constantFloats, replaceFloats, type ConstantInput } from '../linear/constant-input';
import { biasOf } from '../linear/linear-layer';
import { findNormalizations, type Normalization } from './normalizations';

export interface SmoothOptions {
  /** The model file's, for external data. */
  readonly folder?: string;
}

/** A normalisation whose channels have been given other ranges. */
export interface Smoothing {
  /** The value that it makes, and how many channels that has. */
  readonly value: string;
  readonly channels: number;
  /** The outputs of the matrices that take it. */
  readonly matrices: readonly string[];
  /** What it added to each channel is now in the biases of the matrices. */
  readonly isShiftFolded: boolean;
}

/**
 * Moves what normalisations multiply channels by into the matrices that follow, and what they add
 * into the biases of these where each has one (Wei et al., Outlier Suppression, 2022: the factors
 * are what makes some channels' ranges far greater than others'). The float model computes the same,
 * within rounding. Channels whose factor is 0 keep it.
 *
 * @throws OnliteError as `tensorValues`.
 */
export function foldNormalizations(
  editor: GraphEditor,
  { folder }: SmoothOptions = {},
): Smoothing[] {
  return findNormalizations(editor, folder).map((found) => {
    const isShiftFolded = foldShift(editor, found, folder);
    const factors = Float64Array.from(constantFloats(editor, found.scale, folder));
    divideBy(
      editor,
      found,
      factors.map((factor) => (factor === 0 ? 1 : factor)),
      folder,
    );
    return summary(found, isShiftFolded);
  });
}

/**
 * Shares the ranges of channels between a normalisation and the matrices that take them (Xiao et
 * al., SmoothQuant, 2022): channel j is divided by s = max|xⱼ|^α ∕ max|wⱼ|^(1 − α), and the weights
 * for it are multiplied by s. The float model computes the same, within rounding.
 *
 * @param maxima - by value, the greatest magnitude of each channel in calibration, as
 *   {@link normalizedValues} names them; normalisations that are not there stay as they are
 * @param alpha - 1 makes all channels' ranges the same, 0 all ranges of the weights for them
 * @throws OnliteError as `tensorValues`.
 */
export function smoothNormalizations(
  editor: GraphEditor,
  maxima: ReadonlyMap<string, ArrayLike<number>>,
  { folder, alpha = 0.5 }: SmoothOptions & { readonly alpha?: number } = {},
): Smoothing[] {
  return findNormalizations(editor, folder).flatMap((found) => {
    const values = maxima.get(found.value);
    if (values?.length !== found.channels) return [];
    const weights = found.matrices.map((matrix) => matrix.inputMaxima());
    const factors = Float64Array.from(values, (value, channel) => {
      const weight = Math.max(...weights.map((ranges) => ranges[channel] ?? 0));
      const factor = value ** alpha / weight ** (1 - alpha);
      return factor > 0 && Number.isFinite(factor) ? factor : 1;
    });
    divideBy(editor, found, factors, folder);
    return [summary(found, false)];
  });
}

/** The values whose channels' greatest magnitudes {@link smoothNormalizations} takes. */
export function normalizedValues(editor: GraphEditor): string[] {
  return findNormalizations(editor).map(({ value }) => value);
}

const summary = (
  { value, channels, matrices }: Normalization,
  isShiftFolded: boolean,
): Smoothing => ({
  value,
  channels,
  matrices: matrices.map(({ node }) => node.output[0] ?? ''),
  isShiftFolded,
});

/** Divides what a normalisation makes, and multiplies the weights that take it. */
function divideBy(
  editor: GraphEditor,
  { scale, shift, matrices }: Normalization,
  factors: Float64Array,
  folder: string | undefined,
): void {
  for (const input of shift ? [scale, shift] : [scale]) {
    changeFloats(editor, input, folder, (value, channel) => value / (factors[channel] ?? 1));
  }
  for (const matrix of matrices) {
    matrix.inputScale.set(factors);
    replaceFloats(editor, { node: matrix.node, index: 1 }, matrix.scaled());
  }
}

/** Adds what a shift of its inputs adds to each matrix to the bias of that; false where one has none. */
function foldShift(
  editor: GraphEditor,
  { shift, matrices }: Normalization,
  folder: string | undefined,
): boolean {
  const biases = matrices.map((matrix) => biasOf(editor, matrix));
  if (!shift || biases.includes(undefined)) return false;
  const shifts = Float64Array.from(constantFloats(editor, shift, folder));
  for (const [index, bias] of biases.entries()) {
    const added = matrices[index]?.productWith(shifts);
    if (!bias || !added) continue;
    changeFloats(editor, bias, folder, (value, channel) => value + (added[channel] ?? 0));
  }
  changeFloats(editor, shift, folder, () => 0);
  return true;
}

function changeFloats(
  editor: GraphEditor,
  input: ConstantInput,
  folder: string | undefined,
  change: (value: number, channel: number) => number,
): void {
  replaceFloats(editor, input, constantFloats(editor, input, folder).map(change));
}

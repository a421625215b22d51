import { OnnxDataType, type GraphEditor, type NodeProto } from '../../formats/onnx';
import { constantFloats, replaceConstant, replaceFloats } from '../linear/constant-input';
import { LinearLayer } from '../linear/linear-layer';
import { computedTensor } from './computed-tensor';
import { findNormalizations, type Normalization } from './normalizations';

export interface SmoothOptions {
  /** The model file's, for external data. */
  readonly folder?: string;
  /** 1 makes all channels' ranges the same, 0 all ranges of the weights for them; default 0.5. */
  readonly alpha?: number;
}

/** A normalisation whose channels have been given other ranges. */
export interface Smoothing {
  /** The value that it makes, and how many channels that has. */
  readonly value: string;
  readonly channels: number;
  /** The outputs of the matrices that take it. */
  readonly matrices: readonly string[];
}

/** The values whose channels {@link smoothNormalizations} gives other ranges, and their axis. */
export function normalizedValues(editor: GraphEditor): ReadonlyMap<string, number> {
  return new Map(Array.from(findNormalizations(editor), ({ value }) => [value, -1]));
}

/**
 * Shares the ranges of channels between a normalisation and the matrices that take them (Xiao et
 * al., SmoothQuant, 2022): channel j is divided by s = max|xⱼ|^α ∕ max|wⱼ|^(1 − α), and the weights
 * for it are multiplied by s. The float model computes the same, within rounding; where all channels
 * of an activation have one scale, those of small ranges are no longer lost.
 *
 * @param calibrated - by value, the greatest magnitude of each channel, as {@link normalizedValues}
 *   names them; normalisations that are not there stay as they are
 * @throws OnliteError as `tensorValues`.
 */
export function smoothNormalizations(
  editor: GraphEditor,
  calibrated: ReadonlyMap<string, { readonly peak: ArrayLike<number> }>,
  { folder, alpha = 0.5 }: SmoothOptions = {},
): Smoothing[] {
  const smoothed: Smoothing[] = [];
  for (const found of findNormalizations(editor, folder)) {
    const { value, channels, matrices } = found;
    const peaks = calibrated.get(value)?.peak;
    if (peaks?.length !== channels) continue;
    const weights = matrices.map((matrix) => matrix.inputMaxima());
    const factors = Float64Array.from(peaks, (peak, channel) => {
      const weight = Math.max(...weights.map((ranges) => ranges[channel] ?? 0));
      const factor = peak ** alpha / weight ** (1 - alpha);
      return factor > 0 && Number.isFinite(factor) ? factor : 1;
    });
    divideBy(editor, found, factors, folder);
    const outputs = matrices.map(({ node }) => node.output[0] ?? '');
    smoothed.push({ value, channels, matrices: outputs });
  }
  return smoothed;
}

/** Divides what a normalisation makes, and multiplies the weights that take it. */
function divideBy(
  editor: GraphEditor,
  { scale, shift, matrices }: Normalization,
  factors: Float64Array,
  folder: string | undefined,
): void {
  for (const input of shift ? [scale, shift] : [scale]) {
    const divided = constantFloats(editor, input, folder).map(
      (value, channel) => value / (factors[channel] ?? 1),
    );
    replaceFloats(editor, input, divided);
  }
  for (const { node } of matrices) multiplyBy(editor, node, factors, folder);
}

/** Multiplies a matrix's weights, when they are written: those of a large model do not fit memory. */
function multiplyBy(
  editor: GraphEditor,
  node: NodeProto,
  factors: Float64Array,
  folder: string | undefined,
): void {
  const layer = LinearLayer.of(editor, node, folder);
  const weights = editor.constant(node.input[1]);
  if (!layer || !weights) return;
  layer.inputScale.set(factors);
  const { name = '', dims } = weights;
  const scaled = computedTensor(name, OnnxDataType.FLOAT, dims, () => [layer.scaled()]);
  replaceConstant(editor, { node, index: 1 }, scaled);
}

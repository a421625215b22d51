import { TensorType, type OperatorT, type SubgraphEditor } from '../../../formats/tflite';
import type { Range } from '../parameters';
import { TfliteLayer } from './linear-layer';

/** Numbers of activations in the schema. */
export const ACTIVATION = { none: 0, relu: 1, relu6: 3 } as const;

/** A constant input of an operator. */
export interface ConstantPlace {
  readonly operator: OperatorT;
  readonly position: number;
}

/** A layer and the one that alone takes its channels, with nothing between that mixes these. */
export interface Chain {
  readonly first: TfliteLayer;
  readonly second: TfliteLayer;
  /** What is added to each of the first layer's channels, its own bias among it. */
  readonly shifts: readonly ConstantPlace[];
  /** Operators between the two, with a RELU6 that never reaches its bound. */
  readonly clips: readonly OperatorT[];
}

/** @param ranges - without a tensor's, a RELU6 is not known not to reach its bound */
export function findChains(editor: SubgraphEditor, ranges: ReadonlyMap<string, Range>): Chain[] {
  const layers = new Map<OperatorT, TfliteLayer>();
  for (const operator of editor.graph.operators) {
    const layer = TfliteLayer.of(editor, operator);
    if (layer) layers.set(operator, layer);
  }
  return [...layers.values()].flatMap((first) => {
    const chain = new ChainWalk(editor, first, ranges).to(layers);
    return chain ? [chain] : [];
  });
}

/**
 * Follows the value that a layer makes through operators that scale with it. Channels are the
 * fastest dimension, also of what is reshaped: element i belongs to channel i modulo their number.
 */
class ChainWalk {
  readonly #editor: SubgraphEditor;
  readonly #first: TfliteLayer;
  readonly #ranges: ReadonlyMap<string, Range>;
  readonly #shifts: ConstantPlace[] = [];
  readonly #clips: OperatorT[] = [];

  constructor(editor: SubgraphEditor, first: TfliteLayer, ranges: ReadonlyMap<string, Range>) {
    this.#editor = editor;
    this.#first = first;
    this.#ranges = ranges;
  }

  to(layers: ReadonlyMap<OperatorT, TfliteLayer>): Chain | undefined {
    const { operator: start, rule, layout } = this.#first;
    if ((start.inputs[rule.bias] ?? -1) >= 0) {
      this.#shifts.push({ operator: start, position: rule.bias });
    }
    if (!this.#passesActivation(start)) return undefined;
    let [value = -1] = start.outputs;
    for (;;) {
      const operator = this.#editor.onlyUser(value);
      if (!operator) return undefined;
      const second = layers.get(operator);
      if (second) {
        const isInput = operator.inputs[second.rule.input] === value;
        if (!isInput || second.layout.inputs % layout.outputs !== 0) return undefined;
        return { first: this.#first, second, shifts: this.#shifts, clips: this.#clips };
      }
      if (!this.#passes(operator, value)) return undefined;
      [value = -1] = operator.outputs;
    }
  }

  #channels(value: number | undefined): number {
    return this.#editor.tensor(value)?.shape?.at(-1) ?? 0;
  }

  #passes(operator: OperatorT, value: number): boolean {
    const [input, output] = [this.#channels(value), this.#channels(operator.outputs[0])];
    const isAlike = input === output && this.#passesActivation(operator);
    switch (this.#editor.operatorName(operator)) {
      case 'RESHAPE':
      case 'SQUEEZE':
      case 'EXPAND_DIMS':
        return output > 0 && output % this.#first.layout.outputs === 0;
      // Operators f of one channel at a time for which f(s · x) = s · f(x) for every s > 0.
      case 'AVERAGE_POOL_2D':
      case 'LEAKY_RELU':
      case 'MAX_POOL_2D':
      case 'PAD':
      case 'RELU':
      case 'RELU6':
        return isAlike;
      case 'MEAN':
        return isAlike && !this.#isOverChannels(operator, value);
      case 'ADD':
        return isAlike && this.#shift(operator, operator.inputs[0] === value ? 1 : 0);
      default:
        return false;
    }
  }

  #isOverChannels({ inputs }: OperatorT, value: number): boolean {
    const axes = this.#editor.constantBytes(inputs[1]);
    if (!axes || this.#editor.tensor(inputs[1])?.type !== TensorType.int32) return true;
    const rank = this.#editor.tensor(value)?.shape?.length ?? 0;
    return [...new Int32Array(Uint8Array.from(axes).buffer)].some(
      (axis) => axis === -1 || axis === rank - 1,
    );
  }

  /** Takes a constant in that has one element for each channel. */
  #shift(operator: OperatorT, position: number): boolean {
    const { outputs } = this.#first.layout;
    const index = operator.inputs[position];
    const isRow = this.#editor.constantFloats(index)?.length === outputs;
    if (!isRow || this.#channels(index) !== outputs) return false;
    this.#shifts.push({ operator, position });
    return true;
  }

  #passesActivation(operator: OperatorT): boolean {
    const name = this.#editor.operatorName(operator);
    const activation =
      name === 'RELU6'
        ? ACTIVATION.relu6
        : this.#editor.option(operator, 'fusedActivationFunction');
    if (activation !== ACTIVATION.relu6) {
      return activation === ACTIVATION.none || activation === ACTIVATION.relu;
    }
    const range = this.#ranges.get(this.#editor.tensor(operator.outputs[0])?.name ?? '');
    if (!range || range.max >= 6) return false;
    this.#clips.push(operator);
    return true;
  }
}

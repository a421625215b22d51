import type { Quantization } from '../../engine/session/metadata';
import {
  makeFloats,
  makeNode,
  makeTensor,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import { weightLayout } from '../linear/weight-layout';
import { clipBounds, endsAt, isClip } from './clip';
import { quantizeArray } from './integers';
import { IntegerWeights } from './integer-weights';
import { biasParameters, FULL, rangeParameters, type IntegerType, type Range } from './parameters';
import type { Saturation } from './saturation';
import type { LayerConstants, StaticPlan } from './static-plan';
import { targetTypes, type Target } from './target';
import { PER_CHANNEL_OPSET } from './upgrade';

const DATA_TYPES = {
  int8: OnnxDataType.INT8,
  uint8: OnnxDataType.UINT8,
  int32: OnnxDataType.INT32,
} as const;

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int32: Int32Array } as const;

export interface QdqOptions {
  /** Of every tensor of the plan, by name. */
  readonly ranges: ReadonlyMap<string, Range>;
  readonly target: Target;
  /** For the target, with what is known of these weights from an earlier time. */
  readonly weights?: IntegerWeights;
  /** Where external data lies. */
  readonly folder?: string | undefined;
}

/** The tensor that all those of one group have their parameters from. */
function rootOf(name: string, { same }: StaticPlan): string {
  let root = name;
  for (let other = same.get(root); other !== undefined; other = same.get(root)) root = other;
  return root;
}

/** Each group's parameters, by the tensor that stands for it. */
function activationParameters(
  plan: StaticPlan,
  { ranges, target }: QdqOptions,
): ReadonlyMap<string, Quantization> {
  const groups = new Map<string, Range>();
  for (const name of plan.tensors) {
    const range = ranges.get(name);
    if (!range) throw new RangeError(`'${name}' was not calibrated`);
    const root = rootOf(name, plan);
    const { min, max } = groups.get(root) ?? range;
    groups.set(root, { min: Math.min(min, range.min), max: Math.max(max, range.max) });
  }
  const { activation } = targetTypes(target);
  return new Map([...groups].map(([root, range]) => [root, rangeParameters(range, activation)]));
}

/** The names of a tensor's parameters in the graph. */
interface ParameterNames {
  readonly scale: string;
  readonly zeroPoint: string;
}

/** Adds QuantizeLinear and DequantizeLinear with their parameters to a graph. */
class QdqWriter {
  readonly #editor: GraphEditor;
  readonly #plan: StaticPlan;
  readonly #options: QdqOptions;
  readonly #activations: ReadonlyMap<string, Quantization>;
  readonly #weights: IntegerWeights;
  readonly #names = new Map<string, ParameterNames>();
  /** What stands for a constant, by its name and parameters: layers may share it. */
  readonly #constants = new Map<string, string>();

  constructor(editor: GraphEditor, plan: StaticPlan, options: QdqOptions) {
    this.#editor = editor;
    this.#plan = plan;
    this.#options = options;
    this.#activations = activationParameters(plan, options);
    this.#weights = options.weights ?? new IntegerWeights(options.target);
  }

  /** What processors without VNNI may make of the layers' weights. */
  readonly saturation = new Map<NodeProto, Saturation>();

  write(): void {
    // Weights first: their bias needs the parameters of the layer's input under its first name.
    for (const [node, weights] of this.#plan.layers) this.#layer(node, weights);
    for (const name of this.#plan.tensors) this.#pair(name);
  }

  #parametersOf(name: string): Quantization {
    const found = this.#activations.get(rootOf(name, this.#plan));
    if (!found) throw new RangeError(`'${name}' has no parameters`);
    return found;
  }

  #addParameters(
    name: string,
    { scale, zeroPoint, axis }: Quantization,
    type: keyof typeof DATA_TYPES,
  ): ParameterNames {
    const dims = axis === undefined ? [] : [scale.length];
    const zeroPoints = ARRAYS[type].from(zeroPoint);
    return {
      scale: this.#editor.addInitializer(makeFloats(`${name}_scale`, scale, dims)),
      zeroPoint: this.#editor.addInitializer(
        makeTensor(`${name}_zero_point`, DATA_TYPES[type], dims, zeroPoints),
      ),
    };
  }

  /** QuantizeLinear and DequantizeLinear between what makes a value and what computes with it. */
  #pair(name: string): void {
    const editor = this.#editor;
    const root = rootOf(name, this.#plan);
    const { activation } = targetTypes(this.#options.target);
    const names =
      this.#names.get(root) ?? this.#addParameters(root, this.#parametersOf(root), activation);
    this.#names.set(root, names);
    const onlyIntegers = this.#plan.integersOnly.has(name);
    const unclipped = onlyIntegers ? this.#withoutClip(name) : undefined;
    const producer = editor.producer(name);
    const isOutput = editor.isOutput(name);
    const users = editor.users(name);
    const quantized = editor.uniqueName(`${name}_quantized`);
    let [source, target] = [name, editor.uniqueName(`${name}_DequantizeLinear_Output`)];
    if (unclipped !== undefined) {
      source = unclipped;
      if (isOutput) target = name;
      else editor.replaceUses(name, target);
    } else if (isOutput && onlyIntegers && producer) {
      // The graph's output keeps its name.
      [source, target] = [editor.uniqueName(`${name}_float`), name];
      editor.setOutput(producer, producer.output.indexOf(name), source);
    } else {
      for (const user of users) {
        if (!onlyIntegers && !this.#plan.integers.has(user)) continue;
        user.input.forEach((input, index) => {
          if (input === name) editor.setInput(user, index, target);
        });
      }
      if (onlyIntegers) editor.replaceUses(name, target);
    }
    const parameters = [names.scale, names.zeroPoint];
    // Nodes are called after what they make, which nothing else makes.
    editor.addNode(
      makeNode('QuantizeLinear', [source, ...parameters], [quantized], {
        name: `${quantized}_QuantizeLinear`,
      }),
    );
    editor.addNode(
      makeNode('DequantizeLinear', [quantized, ...parameters], [target], {
        name: `${target}_DequantizeLinear`,
      }),
    );
  }

  /**
   * Takes a Relu or Clip out that the integers of its output make superfluous. The runtime would,
   * but where their ends are not the same to the last bit it makes two nodes of one name of a Conv
   * before a Clip, and refuses the model.
   *
   * @returns the value before it; undefined where there is none to take out
   */
  #withoutClip(name: string): string | undefined {
    const editor = this.#editor;
    const { folder, target } = this.#options;
    const clip = editor.producer(name);
    if (!clip || !isClip(editor, clip, folder)) return undefined;
    const { activation } = targetTypes(target);
    const bounds = clipBounds(editor, clip, folder);
    if (!endsAt(bounds, this.#parametersOf(name), FULL[activation])) return undefined;
    editor.removeNode(clip);
    return clip.input[0];
  }

  #layer(node: NodeProto, { weight, bias }: LayerConstants): void {
    const { folder } = this.#options;
    const layer = { node, weight, axis: this.#channelAxis(node, weight), folder };
    let parameters = this.#weights.parameters(layer);
    const values = bias && tensorValues(bias, OnnxDataType.FLOAT, folder);
    if (values) {
      const [inputScale = 1] = this.#parametersOf(node.input[0] ?? '').scale;
      const found = biasParameters(values, inputScale, parameters);
      parameters = found.weight;
      const dims = [values.length];
      this.#constant(node, 2, {
        name: bias.name ?? `${node.output[0] ?? ''}_bias`,
        dims,
        integers: quantizeArray(values, dims, found.bias, 'int32'),
        quantization: found.bias,
        type: 'int32',
      });
    }
    const { integers, saturation } = this.#weights.quantize(layer, parameters);
    if (saturation && saturation.saturating > 0) this.saturation.set(node, saturation);
    this.#constant(node, 1, {
      name: weight.name ?? `${node.output[0] ?? ''}_weight`,
      dims: weight.dims,
      integers,
      quantization: parameters,
      type: targetTypes(this.#options.target).weight,
    });
  }

  /** The weight's dimension of the channels that the layer makes. */
  #channelAxis(node: NodeProto, { dims }: TensorProto): number | undefined {
    if (this.#editor.opset() < PER_CHANNEL_OPSET) return undefined;
    return weightLayout(node, dims)?.inputsFirst === true ? 1 : 0;
  }

  /** Has a node take integers and their DequantizeLinear in a constant's place. */
  #constant(
    node: NodeProto,
    index: number,
    constant: {
      readonly name: string;
      readonly dims: readonly number[];
      readonly integers: ReturnType<typeof quantizeArray>;
      readonly quantization: Quantization;
      readonly type: IntegerType | 'int32';
    },
  ): void {
    const editor = this.#editor;
    const { name, dims, integers, quantization, type } = constant;
    const key = JSON.stringify([name, type, quantization]);
    const known = this.#constants.get(key);
    if (known !== undefined) {
      editor.setInput(node, index, known);
      return;
    }
    const quantized = editor.addInitializer(
      makeTensor(`${name}_quantized`, DATA_TYPES[type], dims, integers),
    );
    const { scale, zeroPoint } = this.#addParameters(name, quantization, type);
    const output = editor.uniqueName(`${name}_DequantizeLinear_Output`);
    const { axis } = quantization;
    editor.addNode(
      makeNode('DequantizeLinear', [quantized, scale, zeroPoint], [output], {
        name: `${output}_DequantizeLinear`,
        attributes: axis === undefined ? {} : { axis: BigInt(axis) },
      }),
    );
    this.#constants.set(key, output);
    editor.setInput(node, index, output);
  }
}

/**
 * Writes a plan into the graph in QDQ form: QuantizeLinear and DequantizeLinear around what
 * computes in integers, which ONNX Runtime fuses into integer kernels when it loads the model.
 *
 * @returns the layers whose sums can saturate on processors without VNNI
 */
export function writeQdq(
  editor: GraphEditor,
  plan: StaticPlan,
  options: QdqOptions,
): ReadonlyMap<NodeProto, Saturation> {
  const writer = new QdqWriter(editor, plan, options);
  writer.write();
  return writer.saturation;
}

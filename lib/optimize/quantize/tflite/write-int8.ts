import { isDeepStrictEqual } from 'node:util';

import type { Quantization } from '../../../engine/session/metadata';
import { roundHalfToEven } from '../../../engine/tensor/rounding';
import {
  TensorType,
  type OperatorT,
  type QuantizationParametersT,
  type SubgraphEditor,
  type TensorT,
} from '../../../formats/tflite';
import { quantizeArray } from '../integers';
import { LEAST_SCALE, biasParameters, type BiasParameters, type Range } from '../parameters';
import { activationParameters, int8Parameters } from './int8-parameters';
import { isLayerRule, type Int8Plan, type PlannedOperator } from './int8-plan';
import { INT16_VERSIONS, type Activations, type LayerRule, type OperatorRule } from './int8-rules';
import { Int8Weights } from './int8-weights';

/** The versions that convert. */
const QUANTIZE_VERSIONS = { int8: 1, int16: 2 } as const;
const DEQUANTIZE_VERSIONS = { int8: 2, int16: 3 } as const;
/** The version whose weights have a scale for each channel. */
const FULLY_CONNECTED_PER_CHANNEL = 12;

export interface WriteInt8Options {
  /** By the tensors' names. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** What is known of the model's weights. */
  readonly weights?: Int8Weights;
  /** What the model takes and gives; float32 by default. */
  readonly io?: 'float32' | Activations;
}

/** Parameters as a tensor has them. */
export function quantizationT({
  scale,
  zeroPoint,
  axis = 0,
}: Quantization): QuantizationParametersT {
  return {
    scale: [...scale],
    zeroPoint: zeroPoint.map(BigInt),
    ...(axis === 0 ? {} : { quantizedDimension: axis }),
  };
}

/** A tensor like another one, of another type. */
const alike = ({ shape, shapeSignature, hasRank }: TensorT, other: TensorT): TensorT => ({
  ...(shape ? { shape } : {}),
  ...(shapeSignature ? { shapeSignature } : {}),
  ...(hasRank === undefined ? {} : { hasRank }),
  ...other,
});

function rangeOf(values: Float32Array): Range {
  let [min, max] = [0, 0];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

type Integers = Int8Array | Int16Array | Int32Array | BigInt64Array;

function typeOf(data: Integers): number {
  if (data instanceof Int8Array) return TensorType.int8;
  if (data instanceof Int16Array) return TensorType.int16;
  return data instanceof Int32Array ? TensorType.int32 : TensorType.int64;
}

/** The parameters of a bias of 64 bits, which holds any value. */
function wideBias(inputScale: number, weight: Quantization): BiasParameters {
  // One that is too small for a float32 would be 0, by which nothing can be divided.
  const scale = weight.scale.map((each) => Math.max(Math.fround(inputScale * each), LEAST_SCALE));
  return { bias: { scale, zeroPoint: scale.map(() => 0), axis: 0 }, weight };
}

const wideIntegers = (bias: Float32Array, { scale }: Quantization): BigInt64Array<ArrayBuffer> =>
  BigInt64Array.from(bias, (value, channel) =>
    BigInt(roundHalfToEven(value / (scale[channel] ?? 1))),
  );

class Int8Writer {
  readonly #editor: SubgraphEditor;
  readonly #plan: Int8Plan;
  readonly #parameters: ReadonlyMap<number, Quantization>;
  /** The operators of the result so far. */
  readonly #operators: OperatorT[] = [];
  /** The int8 form of tensors of the model. */
  readonly #integers = new Map<number, number>();
  /** Float tensors of the model that are there. */
  readonly #floats: Set<number>;
  readonly #constants = new Map<string, number>();
  readonly #type: number;
  readonly #weights: Int8Weights;

  constructor(
    editor: SubgraphEditor,
    plan: Int8Plan,
    { ranges, weights = new Int8Weights() }: WriteInt8Options,
  ) {
    this.#editor = editor;
    this.#plan = plan;
    this.#type = TensorType[plan.activations];
    this.#weights = weights;
    this.#parameters = int8Parameters(editor, plan, ranges);
    const computed = new Set(editor.graph.operators.flatMap(({ outputs }) => outputs));
    this.#floats = new Set([...editor.graph.tensors.keys()].filter((each) => !computed.has(each)));
  }

  write(io: 'float32' | Activations): void {
    const { graph, model } = this.#editor;
    const inputs =
      io !== 'float32' ? graph.inputs.map((index) => this.#input(index)) : graph.inputs;
    for (const operator of graph.operators) this.#operator(operator);
    const outputs = graph.outputs.map((index) =>
      io !== 'float32' && this.#integers.has(index) ? this.#integer(index) : this.#float(index),
    );
    const renamed = new Map<number, number>();
    graph.inputs.forEach((index, position) => renamed.set(index, inputs[position] ?? index));
    graph.outputs.forEach((index, position) => renamed.set(index, outputs[position] ?? index));
    graph.inputs = inputs;
    graph.outputs = outputs;
    graph.operators = this.#operators;
    for (const { subgraphIndex = 0, ...signature } of model.signatureDefs) {
      if (model.subgraphs[subgraphIndex] !== graph) continue;
      for (const map of [...signature.inputs, ...signature.outputs]) {
        map.tensorIndex = renamed.get(map.tensorIndex ?? 0) ?? map.tensorIndex ?? 0;
      }
    }
    this.#nameIntegers();
  }

  /** An input that is int8 from the beginning, where something takes it as such. */
  #input(index: number): number {
    if (!this.#parameters.has(index)) return index;
    this.#floats.delete(index);
    return this.#addInteger(index);
  }

  #addInteger(index: number): number {
    const tensor = this.#editor.tensor(index) ?? {};
    const quantization = quantizationT(this.#parameters.get(index) ?? { scale: [], zeroPoint: [] });
    const { name = '' } = tensor;
    const added = this.#editor.addTensor(
      alike(tensor, { name: `${name}_${this.#plan.activations}`, type: this.#type, quantization }),
    );
    this.#integers.set(index, added);
    return added;
  }

  #emit(name: string, version: number, input: number, output: number): void {
    const opcodeIndex = this.#editor.opcode(name, version);
    this.#operators.push({ opcodeIndex, inputs: [input], outputs: [output] });
  }

  /** The int8 form of a tensor, which is made where it is not there. */
  #integer(index: number): number {
    const known = this.#integers.get(index);
    if (known !== undefined) return known;
    const added = this.#addInteger(index);
    this.#emit('QUANTIZE', QUANTIZE_VERSIONS[this.#plan.activations], index, added);
    return added;
  }

  /** The float form of a tensor, which is made where it is not there. */
  #float(index: number): number {
    const integer = this.#integers.get(index);
    if (!this.#floats.has(index) && integer !== undefined) {
      this.#floats.add(index);
      this.#emit('DEQUANTIZE', DEQUANTIZE_VERSIONS[this.#plan.activations], integer, index);
    }
    return index;
  }

  #operator(operator: OperatorT): void {
    const planned = this.#plan.operators.get(operator);
    if (planned) {
      const { rule } = planned;
      if (this.#plan.activations === 'int16') this.#scaleFreely(operator);
      operator.inputs = isLayerRule(rule)
        ? this.#layerInputs(operator, rule)
        : this.#dataInputs(operator, rule, planned);
      operator.outputs = operator.outputs.map((index) => this.#addInteger(index));
      this.#editor.requireVersion(operator, this.#version(operator, rule));
    } else {
      operator.inputs = operator.inputs.map((index) => (index < 0 ? index : this.#float(index)));
      for (const index of operator.outputs) this.#floats.add(index);
    }
    this.#operators.push(operator);
  }

  #version(operator: OperatorT, { version }: LayerRule | OperatorRule): number {
    const name = this.#editor.operatorName(operator);
    if (this.#plan.activations === 'int16') return INT16_VERSIONS.get(name) ?? version;
    const isFull = name === 'FULLY_CONNECTED';
    return isFull ? FULLY_CONNECTED_PER_CHANNEL : version;
  }

  /** Scales of int16 are powers of 2 for these unless they are said to be others. */
  #scaleFreely(operator: OperatorT): void {
    if (!['ADD', 'SUB'].includes(this.#editor.operatorName(operator))) return;
    operator.builtinOptions = { ...operator.builtinOptions, potScaleInt16: false };
  }

  #dataInputs(
    { inputs, outputs }: OperatorT,
    { output }: OperatorRule,
    { data }: PlannedOperator,
  ): number[] {
    const shared = output === 'shared' ? this.#parameters.get(outputs[0] ?? -1) : undefined;
    return inputs.map((index, position) => {
      if (!data.includes(position)) return index;
      const values = this.#editor.constantFloats(index);
      if (values) return this.#constant(index, values, shared);
      const integer = this.#integer(index);
      return shared ? this.#requantized(index, integer, shared) : integer;
    });
  }

  /** The tensor with other parameters. */
  #requantized(index: number, integer: number, parameters: Quantization): number {
    if (isDeepStrictEqual(this.#parameters.get(index), parameters)) return integer;
    const tensor = this.#editor.tensor(integer) ?? {};
    const added = this.#editor.addTensor(
      alike(tensor, {
        name: `${tensor.name ?? ''}_requantized`,
        type: this.#type,
        quantization: quantizationT(parameters),
      }),
    );
    this.#emit('QUANTIZE', QUANTIZE_VERSIONS[this.#plan.activations], integer, added);
    return added;
  }

  #constant(index: number, values: Float32Array, shared: Quantization | undefined): number {
    const { activations } = this.#plan;
    const parameters = shared ?? activationParameters(rangeOf(values), activations);
    return this.#addConstant(index, parameters, () => {
      const { shape = [] } = this.#editor.tensor(index) ?? {};
      return quantizeArray(values, shape, parameters, activations);
    });
  }

  /** A constant in integers, once for the same parameters. */
  #addConstant(index: number, parameters: Quantization, quantize: () => Integers): number {
    const key = JSON.stringify([index, parameters]);
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const data = quantize();
    const tensor = this.#editor.tensor(index) ?? {};
    const type = typeOf(data);
    const { name = '' } = tensor;
    const added = this.#editor.addConstant(
      alike(tensor, { name, type, quantization: quantizationT(parameters) }),
      data,
    );
    this.#constants.set(key, added);
    return added;
  }

  #layerInputs(operator: OperatorT, rule: LayerRule): number[] {
    const { input, weight, bias, axis } = rule;
    const inputs = [...operator.inputs];
    const [weightIndex = -1, biasIndex = -1] = [inputs[weight], inputs[bias]];
    const { shape = [] } = this.#editor.tensor(weightIndex) ?? {};
    // XNNPACK takes no layer without a bias.
    const biases = this.#editor.constantFloats(biasIndex) ?? new Float32Array(shape[axis] ?? 0);
    const [scale = 1] = this.#parameters.get(inputs[input] ?? -1)?.scale ?? [];
    const own = this.#weights.parameters(this.#editor, operator, rule);
    const isWide = this.#plan.activations === 'int16';
    const found = isWide ? wideBias(scale, own) : biasParameters(biases, scale, own);
    const integers = this.#weights.quantize(this.#editor, operator, rule, found.weight);
    inputs[input] = this.#integer(inputs[input] ?? -1);
    inputs[weight] = this.#addConstant(weightIndex, found.weight, () => integers);
    while (inputs.length < bias) inputs.push(-1);
    const quantized = isWide
      ? wideIntegers(biases, found.bias)
      : quantizeArray(biases, [biases.length], found.bias, 'int32');
    inputs[bias] =
      biasIndex < 0
        ? this.#editor.addConstant(
            {
              name: `${this.#editor.tensor(operator.outputs[0])?.name ?? ''}_bias`,
              shape: [biases.length],
              type: typeOf(quantized),
              quantization: quantizationT(found.bias),
            },
            quantized,
          )
        : this.#addConstant(biasIndex, found.bias, () => quantized);
    return inputs;
  }

  /** Gives the int8 form of a tensor its name, where the float form is gone. */
  #nameIntegers(): void {
    const { graph } = this.#editor;
    const used = new Set([
      ...graph.inputs,
      ...graph.outputs,
      ...graph.operators.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
    ]);
    for (const [index, integer] of this.#integers) {
      const [tensor, other] = [this.#editor.tensor(index), this.#editor.tensor(integer)];
      if (!used.has(index) && tensor?.name !== undefined && other) other.name = tensor.name;
    }
  }
}

/**
 * Has a subgraph compute in int8 as planned, with conversions where float operators and the model's
 * ends need them. What is no longer used stays, to be removed with `removeUnused`.
 */
export function writeInt8(editor: SubgraphEditor, plan: Int8Plan, options: WriteInt8Options): void {
  new Int8Writer(editor, plan, options).write(options.io ?? 'float32');
}

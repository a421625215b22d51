import { TensorType, type ModelT, type OptionsT } from '../../../../../lib/formats/tflite';
import { SubgraphEditor } from '../../../../../lib/formats/tflite/subgraph-editor';
import { unionType } from '../../../../../lib/formats/tflite/schema';

/** Numbers of enumerations in the schema. */
export const SAME = 0;
export const BOOL = 6;
export const ACTIVATION = { none: 0, relu: 1, relu6: 3 } as const;

/** Numbers between −1 and 1, the same each time. */
export const numbers = (length: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, index) => Math.sin(12.9898 * (index + 1) + 78.233 * seed));

const product = (dims: readonly number[]): number => dims.reduce((count, dim) => count * dim, 1);

const emptyModel = (): ModelT => ({
  version: 3,
  operatorCodes: [],
  subgraphs: [],
  buffers: [{}],
  metadata: [],
  signatureDefs: [],
});

/** Builds a float subgraph, whose tensors are channels-last images: a model's first, or a further one. */
export class Network {
  readonly model: ModelT;
  readonly editor: SubgraphEditor;
  #seed = 1;

  constructor(model = emptyModel()) {
    this.model = model;
    const graph = { tensors: [], inputs: [], outputs: [], operators: [], name: 'main' };
    this.editor = new SubgraphEditor(model, model.subgraphs.push(graph) - 1);
  }

  shape(tensor: number): number[] {
    return this.editor.tensor(tensor)?.shape ?? [];
  }

  input(shape: number[]): number {
    const index = this.editor.addTensor({ name: 'x', shape });
    this.editor.graph.inputs.push(index);
    return index;
  }

  /** Ends the subgraph, with a signature of a first one. */
  output(...tensors: number[]): ModelT {
    const { graph, model } = this.editor;
    graph.outputs = tensors;
    if (graph !== model.subgraphs[0]) return model;
    model.signatureDefs = [
      {
        signatureKey: 'serving_default',
        inputs: graph.inputs.map((tensorIndex) => ({ name: 'x', tensorIndex })),
        outputs: tensors.map((tensorIndex, index) => ({ name: `y${index}`, tensorIndex })),
      },
    ];
    return model;
  }

  floats(shape: number[], scale = 1, offset = 0): number {
    const values = numbers(product(shape), this.#seed++).map((value) => offset + scale * value);
    return this.editor.addConstant({ name: `floats${this.#seed}`, shape }, values);
  }

  integers(values: number[], shape = [values.length]): number {
    const tensor = { name: `integers${this.#seed++}`, shape, type: TensorType.int32 };
    return this.editor.addConstant(tensor, Int32Array.from(values));
  }

  operator(name: string, inputs: number[], shape: number[], options?: [string, OptionsT]): number {
    const { graph } = this.editor;
    const output = this.editor.addTensor({
      name: `${name.toLowerCase()}${graph.operators.length}`,
      shape,
    });
    graph.operators.push({
      opcodeIndex: this.editor.opcode(name, 1),
      inputs,
      outputs: [output],
      ...(options && {
        builtinOptionsType: unionType('BuiltinOptions', options[0]),
        builtinOptions: options[1],
      }),
    });
    return output;
  }

  conv(input: number, channels: number, { size = 3, activation = 0 } = {}): number {
    const [batch = 1, height = 1, width = 1, depth = 1] = this.shape(input);
    const scale = Math.sqrt(3 / (size * size * depth));
    const weight = this.floats([channels, size, size, depth], scale);
    const inputs = [input, weight, this.floats([channels], 0.2)];
    return this.operator(
      'CONV_2D',
      inputs,
      [batch, height, width, channels],
      [
        'Conv2DOptions',
        { padding: SAME, strideW: 1, strideH: 1, fusedActivationFunction: activation },
      ],
    );
  }

  depthwise(input: number, activation = 0): number {
    const shape = this.shape(input);
    const [channels = 1] = shape.slice(-1);
    const inputs = [input, this.floats([1, 3, 3, channels], 0.6), this.floats([channels], 0.2)];
    return this.operator('DEPTHWISE_CONV_2D', inputs, shape, [
      'DepthwiseConv2DOptions',
      {
        padding: SAME,
        strideW: 1,
        strideH: 1,
        depthMultiplier: 1,
        fusedActivationFunction: activation,
      },
    ]);
  }

  pool(name: 'AVERAGE_POOL_2D' | 'MAX_POOL_2D', input: number): number {
    const options = { padding: SAME, strideW: 1, strideH: 1, filterWidth: 2, filterHeight: 2 };
    return this.operator(name, [input], this.shape(input), ['Pool2DOptions', options]);
  }

  add(left: number, right: number): number {
    const [shape, other] = [this.shape(left), this.shape(right)];
    const larger = shape.length < other.length ? other : shape;
    return this.operator('ADD', [left, right], larger, ['AddOptions', {}]);
  }

  concat(...inputs: number[]): number {
    const shapes = inputs.map((input) => this.shape(input));
    const channels = shapes.reduce((sum, shape) => sum + (shape.at(-1) ?? 0), 0);
    const shape = [...(shapes[0] ?? []).slice(0, -1), channels];
    return this.operator('CONCATENATION', inputs, shape, ['ConcatenationOptions', { axis: 3 }]);
  }

  mean(input: number): number {
    const [batch = 1, , , channels = 1] = this.shape(input);
    const axes = this.integers([1, 2]);
    return this.operator('MEAN', [input, axes], [batch, channels], ['ReducerOptions', {}]);
  }

  dense(input: number, units: number, bias = true): number {
    const [batch = 1, depth = 1] = this.shape(input);
    const weight = this.floats([units, depth], Math.sqrt(3 / depth));
    const inputs = [input, weight, ...(bias ? [this.floats([units], 0.2)] : [])];
    return this.operator('FULLY_CONNECTED', inputs, [batch, units], ['FullyConnectedOptions', {}]);
  }

  unary(name: 'HARD_SWISH' | 'LOGISTIC' | 'TANH' | 'SOFTMAX', input: number): number {
    const options: [string, OptionsT][] =
      name === 'SOFTMAX' ? [['SoftmaxOptions', { beta: 1 }]] : [];
    return this.operator(name, [input], this.shape(input), ...options);
  }
}

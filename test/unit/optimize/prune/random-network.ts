import {
  makeFloats,
  makeInt64s,
  makeNode,
  type AttributeValue,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { floatModel, randomFloats } from '../quantize/float-model';

/** A value [1, channels, 6, 6]. */
interface Maps {
  readonly name: string;
  readonly channels: number;
}

export const INPUT_DIMS = [1, 3, 6, 6] as const;
const SIZE = 6;

/** A random convolutional network in which channels are coupled in all the ways there are. */
export class RandomNetwork {
  readonly #nodes: NodeProto[] = [];
  readonly #constants: TensorProto[] = [];
  readonly #random: () => number;
  #seed: number;

  constructor(seed: number) {
    this.#seed = seed * 1000;
    const numbers = randomFloats(4096, seed);
    let next = 0;
    this.#random = () => (numbers[next++ % numbers.length]! + 1) / 2;
  }

  model(operators: number): ModelProto {
    const values: Maps[] = [this.#convolution({ name: 'x', channels: 3 }, 8)];
    while (values.length < operators) values.push(...this.#grow(values));
    const last = this.#grow([values.at(-1)!]).at(-1)!;
    const side = this.#pick(values);
    return floatModel(INPUT_DIMS, this.#nodes, this.#constants, [
      this.#classifier(last),
      this.#convolution(side, 2).name,
    ]);
  }

  #grow(values: readonly Maps[]): Maps[] {
    const x = this.#pick(values);
    const { channels } = x;
    const same = this.#pick(values.filter((other) => other.channels === channels));
    const kinds: (() => Maps[])[] = [
      () => [this.#convolution(x, this.#pick([4, 6, 8, 12]))],
      () => [this.#convolution(x, channels, { group: channels })],
      () => [this.#convolution(x, channels * 2, { group: channels })],
      () => [this.#convolution(x, channels, { group: channels % 2 === 0 ? 2 : 1 })],
      () => [this.#unary(this.#pick(['Relu', 'Sigmoid', 'HardSwish', 'Softplus']), x)],
      () => [this.#normalization(x)],
      () => [this.#node(this.#pick(['Add', 'Mul', 'Sub', 'Max']), [x.name, same.name], channels)],
      () => [this.#scaled(x)],
      () => [this.#excited(x)],
      () => [this.#pool(x)],
      () => [this.#concatenation([x, this.#pick(values)])],
      () => this.#split(x),
      () => [this.#channelsLast(x)],
      () => [this.#node('Softmax', [x.name], channels, { axis: 1n })],
      () => [this.#node('LRN', [x.name], channels, { size: 3n })],
      () => [this.#upscaled(x)],
      () => [this.#reshaped(x)],
    ];
    return this.#pick(kinds)();
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)]!;
  }

  #constant(dims: readonly number[], offset = 0): string {
    const name = `c${this.#seed++}`;
    const values = randomFloats(
      dims.reduce((all, dim) => all * dim, 1),
      this.#seed,
    ).map((value) => value + offset);
    this.#constants.push(makeFloats(name, values, dims));
    return name;
  }

  #node(
    operator: string,
    inputs: readonly string[],
    channels: number,
    attributes: Record<string, AttributeValue> = {},
  ): Maps {
    const name = `v${this.#seed++}`;
    this.#nodes.push(makeNode(operator, inputs, [name], { attributes }));
    return { name, channels };
  }

  #convolution({ name, channels }: Maps, outputs: number, { group = 1 } = {}): Maps {
    const kernel = this.#pick([1, 3]);
    const weights = this.#constant([outputs, channels / group, kernel, kernel]);
    const bias = this.#random() < 0.5 ? [this.#constant([outputs])] : [];
    const pad = BigInt((kernel - 1) / 2);
    return this.#node('Conv', [name, weights, ...bias], outputs, {
      kernel_shape: [BigInt(kernel), BigInt(kernel)],
      pads: [pad, pad, pad, pad],
      group: BigInt(group),
    });
  }

  #unary(operator: string, { name, channels }: Maps): Maps {
    return this.#node(operator, [name], channels);
  }

  #normalization({ name, channels }: Maps): Maps {
    const parameters = [1, 0, 0, 2].map((offset) => this.#constant([channels], offset));
    return this.#node('BatchNormalization', [name, ...parameters], channels);
  }

  #scaled({ name, channels }: Maps): Maps {
    const factor = this.#constant(this.#pick([[channels, 1, 1], [1, channels, 1, 1], [1], []]));
    const operator = this.#pick(['Mul', 'Add', 'PRelu']);
    return this.#node(operator, [name, factor], channels);
  }

  #excited(x: Maps): Maps {
    const pooled = this.#node('GlobalAveragePool', [x.name], x.channels);
    const hidden = this.#node('Conv', [pooled.name, this.#constant([4, x.channels, 1, 1])], 4);
    const weights = this.#constant([x.channels, 4, 1, 1]);
    const gate = this.#node('Conv', [this.#unary('Relu', hidden).name, weights], x.channels);
    return this.#node('Mul', [x.name, this.#unary('Sigmoid', gate).name], x.channels);
  }

  #pool({ name, channels }: Maps): Maps {
    const operator = this.#pick(['MaxPool', 'AveragePool']);
    const attributes = { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] };
    return this.#node(operator, [name], channels, attributes);
  }

  #concatenation(parts: readonly Maps[]): Maps {
    const channels = parts.reduce((sum, part) => sum + part.channels, 0);
    return this.#node(
      'Concat',
      parts.map(({ name }) => name),
      channels,
      { axis: 1n },
    );
  }

  #split(x: Maps): Maps[] {
    if (x.channels < 3) return [this.#unary('Relu', x)];
    const first = this.#pick([1, 2, Math.floor(x.channels / 2)]);
    const sizes = [first, x.channels - first];
    const length = `c${this.#seed++}`;
    const isEven = x.channels % 2 === 0 && sizes[0] === sizes[1];
    const names = [0, 1].map(() => `v${this.#seed++}`);
    if (!isEven) this.#constants.push(makeInt64s(length, sizes));
    const inputs = isEven ? [x.name] : [x.name, length];
    this.#nodes.push(makeNode('Split', inputs, names, { attributes: { axis: 1n } }));
    return names.map((name, index) => ({ name, channels: sizes[index]! }));
  }

  /** A matrix product with the channels behind, as in models that came from TensorFlow. */
  #channelsLast({ name, channels }: Maps): Maps {
    const last = this.#node('Transpose', [name], channels, { perm: [0n, 2n, 3n, 1n] });
    const outputs = this.#pick([4, 8]);
    const made = this.#node('MatMul', [last.name, this.#constant([channels, outputs])], outputs);
    const shifted = this.#node('Add', [made.name, this.#constant([outputs])], outputs);
    return this.#node('Transpose', [shifted.name], outputs, { perm: [0n, 3n, 1n, 2n] });
  }

  #upscaled({ name, channels }: Maps): Maps {
    const scales = `c${this.#seed++}`;
    this.#constants.push(makeFloats(scales, [1, 1, 2, 2]));
    const wide = this.#node('Resize', [name, '', scales], channels, {});
    const attributes = { kernel_shape: [2n, 2n], strides: [2n, 2n] };
    return this.#node('MaxPool', [wide.name], channels, attributes);
  }

  #reshaped({ name, channels }: Maps): Maps {
    const [rows, maps] = [`c${this.#seed++}`, `c${this.#seed++}`];
    this.#constants.push(makeInt64s(rows, [1, channels, SIZE * SIZE]));
    this.#constants.push(makeInt64s(maps, [0, this.#pick([0, channels]), SIZE, -1]));
    const flat = this.#node('Reshape', [name, rows], channels);
    return this.#node('Reshape', [flat.name, maps], channels);
  }

  #classifier(x: Maps): string {
    const isPooled = this.#random() < 0.5;
    const pooled = isPooled ? this.#node('GlobalAveragePool', [x.name], x.channels) : x;
    const size = isPooled ? x.channels : x.channels * SIZE * SIZE;
    const flat = this.#pick([
      () => this.#node('Flatten', [pooled.name], size),
      () => {
        const shape = `c${this.#seed++}`;
        this.#constants.push(
          makeInt64s(
            shape,
            this.#pick([
              [0, -1],
              [1, size],
              [-1, size],
            ]),
          ),
        );
        return this.#node('Reshape', [pooled.name, shape], size);
      },
    ])();
    const hidden = this.#node('Gemm', [flat.name, this.#constant([5, size])], 5, { transB: 1n });
    const active = this.#unary('Relu', hidden);
    return this.#node('Gemm', [active.name, this.#constant([5, 3]), this.#constant([3])], 3).name;
  }
}

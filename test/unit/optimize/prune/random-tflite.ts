import type { ModelT, OptionsT } from '../../../../lib/formats/tflite';
import { randomFloats } from '../quantize/float-model';
import { ACTIVATION, Network } from '../quantize/tflite/network';

/** A value [1, 6, 6, channels]. */
type Maps = number;

export const INPUT_SHAPE = [1, 6, 6, 3] as const;
const SIZE = 6;

/** A random convolutional network in which channels are coupled in all the ways there are. */
export class RandomTflite {
  readonly #net = new Network();
  readonly #random: () => number;

  constructor(seed: number) {
    const numbers = randomFloats(4096, seed);
    let next = 0;
    this.#random = () => (numbers[next++ % numbers.length]! + 1) / 2;
  }

  model(operators: number): ModelT {
    const values: Maps[] = [this.#conv(this.#net.input([...INPUT_SHAPE]), 8)];
    while (values.length < operators) values.push(...this.#grow(values));
    const last = this.#grow([values.at(-1)!]).at(-1)!;
    const side = this.#conv(this.#pick(values), 2);
    return this.#net.output(this.#classifier(last), side);
  }

  #grow(values: readonly Maps[]): Maps[] {
    const x = this.#pick(values);
    const channels = this.#channels(x);
    const same = this.#pick(values.filter((other) => this.#channels(other) === channels));
    const kinds: (() => Maps[])[] = [
      () => [this.#conv(x, this.#pick([4, 6, 8, 12]))],
      () => [this.#net.depthwise(x, this.#activation())],
      () => [this.#multiplied(x)],
      () => [this.#grouped(x)],
      () => [this.#transposed(x, this.#pick([4, 6]))],
      () => [this.#operator(this.#pick(['RELU', 'LOGISTIC', 'HARD_SWISH', 'ABS']), [x], channels)],
      () => [this.#operator(this.#pick(['ADD', 'MUL', 'SUB', 'MAXIMUM']), [x, same], channels)],
      () => [this.#scaled(x)],
      () => [this.#excited(x)],
      () => [this.#net.pool(this.#pick(['AVERAGE_POOL_2D', 'MAX_POOL_2D']), x)],
      () => [this.#net.concat(x, this.#pick(values))],
      () => [this.#besides(x, same)],
      () => this.#split(x),
      () => this.#splitBySizes(x),
      () => [this.#channelsFirst(x)],
      () => [this.#padded(x)],
      () => [this.#resized(x)],
      () => [this.#reshaped(x)],
      () => [this.#net.unary('SOFTMAX', x)],
      () => [this.#sliced(x)],
      () => [this.#dense(x, this.#pick([4, 8]))],
    ];
    return this.#pick(kinds)();
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)]!;
  }

  #activation(): number {
    return this.#pick(Object.values(ACTIVATION));
  }

  #channels(x: Maps): number {
    return this.#net.shape(x).at(-1)!;
  }

  #operator(name: string, inputs: number[], channels: number, options?: [string, OptionsT]): Maps {
    return this.#net.operator(name, inputs, [1, SIZE, SIZE, channels], options);
  }

  #conv(x: Maps, channels: number): Maps {
    return this.#net.conv(x, channels, {
      size: this.#pick([1, 3]),
      activation: this.#activation(),
    });
  }

  #grouped(x: Maps): Maps {
    const channels = this.#channels(x);
    const groups = channels % 2 === 0 ? 2 : 1;
    const weights = this.#net.floats([8, 3, 3, channels / groups], 0.4);
    const inputs = [x, weights, this.#net.floats([8], 0.2)];
    return this.#operator('CONV_2D', inputs, 8, ['Conv2DOptions', { strideW: 1, strideH: 1 }]);
  }

  #multiplied(x: Maps): Maps {
    const channels = 2 * this.#channels(x);
    const inputs = [x, this.#net.floats([1, 3, 3, channels], 0.6), this.#net.floats([channels])];
    const options = { strideW: 1, strideH: 1, depthMultiplier: 2 };
    return this.#operator('DEPTHWISE_CONV_2D', inputs, channels, [
      'DepthwiseConv2DOptions',
      options,
    ]);
  }

  #transposed(x: Maps, channels: number): Maps {
    const weights = this.#net.floats([channels, 3, 3, this.#channels(x)], 0.4);
    const shape = this.#net.integers([1, SIZE, SIZE, channels]);
    const options = { strideW: 1, strideH: 1 };
    return this.#operator('TRANSPOSE_CONV', [shape, weights, x], channels, [
      'TransposeConvOptions',
      options,
    ]);
  }

  #scaled(x: Maps): Maps {
    const channels = this.#channels(x);
    const factor = this.#net.floats(
      this.#pick([[channels], [1, 1, 1, channels], [1], [1, 6, 1, 1]]),
    );
    const isSlope = this.#random() < 0.3;
    const slope = isSlope ? this.#net.floats([1, 1, channels], 0.3) : factor;
    return this.#operator(isSlope ? 'PRELU' : this.#pick(['MUL', 'ADD']), [x, slope], channels);
  }

  /** Squeezes and excites: by reshaped means, or by such as keep their dimensions. */
  #excited(x: Maps): Maps {
    const channels = this.#channels(x);
    const shape = [1, 1, 1, channels];
    const pooled =
      this.#random() < 0.5
        ? this.#net.operator('RESHAPE', [this.#net.mean(x), this.#net.integers(shape)], shape)
        : this.#net.operator('MEAN', [x, this.#net.integers([1, 2])], shape, [
            'ReducerOptions',
            { keepDims: true },
          ]);
    const hidden = this.#net.conv(pooled, 4, { size: 1, activation: ACTIVATION.relu });
    const gate = this.#net.unary('LOGISTIC', this.#net.conv(hidden, channels, { size: 1 }));
    return this.#operator('MUL', [x, gate], channels);
  }

  /** One above the other, then half of what that makes. */
  #besides(x: Maps, y: Maps): Maps {
    const channels = this.#channels(x);
    const shape = [1, 2 * SIZE, SIZE, channels];
    const options: [string, OptionsT] = ['ConcatenationOptions', { axis: 1 }];
    const both = this.#net.operator('CONCATENATION', [x, y], shape, options);
    return this.#operator(
      'SLICE',
      [
        both,
        this.#net.integers([0, 3, 0, 0]),
        this.#net.integers([1, SIZE, -1, this.#pick([-1, channels])]),
      ],
      channels,
    );
  }

  #parts(name: string, inputs: number[], sizes: number[]): Maps[] {
    const first = this.#operator(name, inputs, sizes[0]!, [
      name === 'SPLIT' ? 'SplitOptions' : 'SplitVOptions',
      { numSplits: sizes.length },
    ]);
    const { editor } = this.#net;
    const others = sizes
      .slice(1)
      .map((size, index) =>
        editor.addTensor({ name: `part${first}_${index}`, shape: [1, SIZE, SIZE, size] }),
      );
    editor.graph.operators.at(-1)!.outputs.push(...others);
    // XNNPACK fails where a part is not used.
    return [first, ...others, this.#net.concat(...others, first)];
  }

  #split(x: Maps): Maps[] {
    const channels = this.#channels(x);
    if (channels % 2 !== 0) return [this.#operator('RELU', [x], channels)];
    const half = channels / 2;
    return this.#parts('SPLIT', [this.#net.integers([3], []), x], [half, half]);
  }

  #splitBySizes(x: Maps): Maps[] {
    const channels = this.#channels(x);
    if (channels < 3) return [this.#operator('RELU', [x], channels)];
    const sizes = [1, channels - 1];
    const given = this.#pick([sizes, [1, -1]]);
    const inputs = [x, this.#net.integers(given), this.#net.integers([this.#pick([3, -1])], [])];
    return this.#parts('SPLIT_V', inputs, sizes);
  }

  #channelsFirst(x: Maps): Maps {
    const channels = this.#channels(x);
    const shape = [1, channels, SIZE, SIZE];
    const first = this.#net.operator('TRANSPOSE', [x, this.#net.integers([0, 3, 1, 2])], shape);
    const shifted = this.#net.operator('ADD', [first, this.#net.floats([channels, 1, 1])], shape);
    return this.#operator('TRANSPOSE', [shifted, this.#net.integers([0, 2, 3, 1])], channels);
  }

  #padded(x: Maps): Maps {
    const channels = this.#channels(x);
    const pads = this.#net.integers([0, 0, 1, 1, 1, 1, 0, 0], [4, 2]);
    const wide = this.#net.operator('PAD', [x, pads], [1, SIZE + 2, SIZE + 2, channels]);
    const masks = { beginMask: 8, endMask: this.#pick([0, 8]) };
    const [from, to, step] = [
      [0, 1, 1, 0],
      [1, SIZE + 1, SIZE + 1, channels],
      [1, 1, 1, 1],
    ].map((each) => this.#net.integers(each));
    return this.#operator('STRIDED_SLICE', [wide, from!, to!, step!], channels, [
      'StridedSliceOptions',
      masks,
    ]);
  }

  #resized(x: Maps): Maps {
    const channels = this.#channels(x);
    const size = this.#net.integers([2 * SIZE, 2 * SIZE]);
    const shape = [1, 2 * SIZE, 2 * SIZE, channels];
    const wide = this.#net.operator('RESIZE_BILINEAR', [x, size], shape, [
      'ResizeBilinearOptions',
      {},
    ]);
    const options = { padding: 1, strideW: 2, strideH: 2, filterWidth: 2, filterHeight: 2 };
    return this.#operator('MAX_POOL_2D', [wide], channels, ['Pool2DOptions', options]);
  }

  #reshaped(x: Maps): Maps {
    const channels = this.#channels(x);
    const rows = [SIZE * SIZE, channels];
    const flat = this.#net.operator('RESHAPE', [x, this.#net.integers([-1, channels])], rows, [
      'ReshapeOptions',
      { newShape: [-1, channels] },
    ]);
    const shape = [1, SIZE, SIZE, channels];
    return this.#operator('RESHAPE', [flat, this.#net.integers(shape)], channels);
  }

  #sliced(x: Maps): Maps {
    const channels = this.#channels(x);
    const half = Math.ceil(channels / 2);
    const size = this.#net.integers([1, -1, -1, half]);
    return this.#operator('SLICE', [x, this.#net.integers([0, 0, 0, 0]), size], half);
  }

  #dense(x: Maps, units: number): Maps {
    const weights = this.#net.floats([units, this.#channels(x)], 0.4);
    return this.#operator('FULLY_CONNECTED', [x, weights], units, [
      'FullyConnectedOptions',
      { keepNumDims: true },
    ]);
  }

  #classifier(x: Maps): number {
    const channels = this.#channels(x);
    const size = SIZE * SIZE * channels;
    const flatten = (shape: number[]): number =>
      this.#net.operator('RESHAPE', [x, this.#net.integers(shape)], [1, size]);
    const flat = this.#pick([
      () => this.#net.mean(x),
      () => flatten([-1, size]),
      () => flatten([1, -1]),
    ])();
    return this.#net.dense(this.#net.unary('TANH', this.#net.dense(flat, 5)), 3);
  }
}

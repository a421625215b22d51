// What GPUs are measured with: a convolutional network and a layer of a transformer, for batches of
// several sizes, each a model of its own with fixed dims.
import { constant, model, node } from './onnx.mjs';
import { fillFloats, sizeOf } from './values.mjs';

export const batches = [1, 8, 64];

const SEQUENCE = 128;
const WIDTH = 256;
const HEADS = 8;

/** A graph's parts, and functions that add to them. */
function builder() {
  const parts = [];
  let names = 0;
  const constantOf = (dims, make) => {
    const name = `constant${(names += 1)}`;
    parts.push(constant(name, dims, make(sizeOf(dims))));
    return name;
  };
  return {
    parts,
    weights: (dims, scale) =>
      constantOf(dims, (size) => fillFloats(new Float32Array(size)).map((value) => value * scale)),
    filled: (dims, value) => constantOf(dims, (size) => new Float32Array(size).fill(value)),
    shape: (dims) => constantOf([dims.length], () => BigInt64Array.from(dims, BigInt)),
    add: (operator, inputs, attributes, output = `value${(names += 1)}`) => {
      parts.push(node(operator, inputs, [output], attributes));
      return output;
    },
  };
}

/** Expansion, output channels, repetitions and first stride of MobileNetV2's blocks (its paper, table 2). */
const BLOCKS = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** MobileNetV2 224² with random weights and its batch norms folded: x [batch, 3, 224, 224] → y [batch, 1000]. */
function mobileNetV2(batch) {
  const { parts, weights, filled, shape, add } = builder();
  const zero = filled([], 0);
  const six = filled([], 6);
  const convolve = (x, from, to, size, stride, group, isLinear = false) => {
    const perGroup = from / group;
    const scale = Math.sqrt(6 / (perGroup * size * size));
    const pad = (size - 1) / 2;
    const attributes = { group, strides: [stride, stride], pads: [pad, pad, pad, pad] };
    const inputs = [x, weights([to, perGroup, size, size], scale), filled([to], 0.01)];
    const y = add('Conv', inputs, attributes);
    return isLinear ? y : add('Clip', [y, zero, six]);
  };
  let x = convolve('x', 3, 32, 3, 2, 1);
  let channels = 32;
  for (const [expansion, to, repetitions, firstStride] of BLOCKS) {
    for (let block = 0; block < repetitions; block += 1) {
      const stride = block === 0 ? firstStride : 1;
      const wide = channels * expansion;
      const expanded = expansion === 1 ? x : convolve(x, channels, wide, 1, 1, 1);
      const filtered = convolve(expanded, wide, wide, 3, stride, wide);
      const y = convolve(filtered, wide, to, 1, 1, 1, true);
      x = stride === 1 && channels === to ? add('Add', [x, y]) : y;
      channels = to;
    }
  }
  const features = add('GlobalAveragePool', [convolve(x, channels, 1280, 1, 1, 1)]);
  const flat = add('Reshape', [features, shape([batch, 1280])]);
  add('Gemm', [flat, weights([1280, 1000], 0.05), filled([1000], 0)], {}, 'y');
  return model({
    name: 'mobilenet_v2',
    parts,
    inputs: { x: [batch, 3, 224, 224] },
    outputs: { y: [batch, 1000] },
  });
}

/** One layer of a transformer's encoder: x, y [batch, 128, 256], 8 heads, an MLP of 1024. */
function encoderLayer(batch) {
  const { parts, weights, filled, shape, add } = builder();
  const heads = shape([batch, SEQUENCE, HEADS, WIDTH / HEADS]);
  const norm = (x) => add('LayerNormalization', [x, filled([WIDTH], 1), filled([WIDTH], 0)]);
  const project = (x, from, to) => {
    const product = add('MatMul', [x, weights([from, to], 0.05)]);
    return add('Add', [product, filled([to], 0.01)]);
  };
  const split = (x, perm) =>
    add('Transpose', [add('Reshape', [project(x, WIDTH, WIDTH), heads])], { perm });
  const first = norm('x');
  const query = split(first, [0, 2, 1, 3]);
  const key = split(first, [0, 2, 3, 1]);
  const values = split(first, [0, 2, 1, 3]);
  const scale = filled([], Math.sqrt(HEADS / WIDTH));
  const scores = add('Mul', [add('MatMul', [query, key]), scale]);
  const mixed = add('MatMul', [add('Softmax', [scores], { axis: 3 }), values]);
  const joined = add('Reshape', [
    add('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
    shape([batch, SEQUENCE, WIDTH]),
  ]);
  const attended = add('Add', ['x', project(joined, WIDTH, WIDTH)]);
  const hidden = add('Relu', [project(norm(attended), WIDTH, 4 * WIDTH)]);
  add('Add', [attended, project(hidden, 4 * WIDTH, WIDTH)], {}, 'y');
  const dims = [batch, SEQUENCE, WIDTH];
  return model({ name: 'encoder', parts, inputs: { x: dims }, outputs: { y: dims } });
}

export const gpuModels = Object.fromEntries(
  batches.flatMap((batch) => [
    [`mobilenet_v2_b${batch}.onnx`, () => mobileNetV2(batch)],
    [`encoder_b${batch}.onnx`, () => encoderLayer(batch)],
  ]),
);

// Models of test/fixtures/ways, of which a quick way of running may get something wrong, each with
// random feeds and what they give by the model's meaning.
import { randomBytes } from './values.mjs';

const bytesOf = (array) => new Uint8Array(array.buffer);

const floats = (name, dims, random) => ({
  name,
  type: 'float32',
  dims,
  bytes: randomBytes('float32', 4 * dims.reduce((size, dim) => size * dim, 1), random),
});

const indexes = (name, count, limit, random) => ({
  name,
  type: 'int64',
  dims: [count],
  bytes: bytesOf(BigInt64Array.from({ length: count }, () => BigInt(random.below(limit)))),
});

const bools = (name, dims, random) => {
  const bytes = Uint8Array.from({ length: dims[0] ?? 1 }, () => random.below(2));
  return { name, type: 'bool', dims, bytes };
};

const read = ({ bytes }) => new Float32Array(bytes.slice().buffer);
const ints = ({ bytes }) => [...new BigInt64Array(bytes.slice().buffer)];

const tensor = (values, dims = [values.length]) => ({
  type: 'float32',
  dims,
  bytes: bytesOf(Float32Array.from(values)),
});

const above = (x) => tensor(read(x).filter((value) => value > 0.5));
const sum = (a, b) => {
  const others = read(b);
  return tensor(
    read(a).map((value, index) => value + others[index]),
    a.dims,
  );
};
const same = ({ type, dims, bytes }) => ({ type, dims, bytes });

/** By file: the feeds, and the outputs that follow from them. */
const models = {
  'scalar_declared.onnx': {
    feeds: (random) => [
      floats('x', [3], random),
      { name: 's', type: 'int64', dims: [1], bytes: bytesOf(BigInt64Array.of(3n)) },
    ],
    gives: ([x]) => ({ y: tensor(read(x)) }),
  },
  'detector.onnx': {
    feeds: (random) => [floats('x', [4], random)],
    gives: ([x]) => ({ y: above(x) }),
  },
  'detector_and_sum.onnx': {
    feeds: (random) => [floats('x', [4], random)],
    // The order of a sum is the runtime's.
    gives: ([x]) => ({ y: above(x) }),
  },
  'if.onnx': {
    feeds: (random) => [bools('c', [], random), floats('x', [4], random)],
    gives: ([c, x]) => ({ y: c.bytes[0] === 1 ? sum(x, x) : tensor([...read(x), ...read(x)]) }),
  },
  'only.onnx': {
    feeds: (random) => [floats('x', [4], random)],
    gives: ([x]) => ({ x: same(x) }),
  },
  'state.onnx': {
    feeds: (random) => [floats('x', [4], random), floats('state', [4], random)],
    gives: ([x, state]) => ({ y: sum(x, state), state: same(state) }),
  },
  'state_large.onnx': {
    feeds: (random) => [floats('x', [400, 100], random), floats('state', [400, 100], random)],
    gives: ([x, state]) => ({ y: sum(x, state), state: same(state) }),
  },
  'constant_output.onnx': {
    feeds: (random) => [floats('x', [2], random)],
    gives: ([x]) => ({ y: tensor(read(x).map((value) => -value)), c: tensor([3, 4]) }),
  },
  'gather.onnx': {
    feeds: (random) => {
      const count = 1 + random.below(2000);
      return [floats('x', [count], random), indexes('i', count, count, random)];
    },
    gives: ([x, i]) => {
      const values = read(x);
      return { y: tensor(ints(i).map((index) => values[Number(index)])) };
    },
  },
  'gather_ints.onnx': {
    feeds: (random) => [indexes('i', 4096, 4096, random)],
    gives: ([i]) => {
      const values = ints(i);
      const gathered = BigInt64Array.from(values, (index) => values[Number(index)]);
      return { y: { type: 'int64', dims: [4096], bytes: bytesOf(gathered) } };
    },
  },
  'compress.onnx': {
    feeds: (random) => {
      const count = 1 + random.below(2000);
      return [floats('x', [count], random), bools('m', [count], random)];
    },
    gives: ([x, m]) => ({ y: tensor(read(x).filter((_, index) => m.bytes[index] === 1)) }),
  },
};

/** Their files, relative to test/fixtures. */
export const lyingModels = Object.keys(models).map((file) => `ways/${file}`);

/** Feeds with the outputs that they give. */
export function makeLyingCases(file, random) {
  const { feeds, gives } = models[file];
  return Array.from({ length: 6 }, () => {
    const inputs = feeds(random);
    return { signature: undefined, inputs, gives: gives(inputs) };
  });
}

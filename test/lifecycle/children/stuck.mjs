// An ONNX model of one LpPool with a large kernel, which looks at no request to stop: a run of it,
// or its load where the input is a constant, takes about a minute of one processor.
import { InferenceSession, Tensor } from 'onlite';

const size = 400;
const kernel = 200;

const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (id, value) => Buffer.from([...varint(id << 3), ...varint(value)]);
/** A field of a protocol buffer that has a length. */
function field(id, ...parts) {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([
    Buffer.from([...varint((id << 3) | 2), ...varint(content.length)]),
    content,
  ]);
}

const float32 = 1;

function valueInfo(name, ...dims) {
  const shape = dims.map((dim) =>
    field(1, typeof dim === 'string' ? field(2, dim) : number(1, dim)),
  );
  return Buffer.concat([
    field(1, name),
    field(2, field(1, number(1, float32), field(2, ...shape))),
  ]);
}

const dims = [1, 1, size, size];
const input = field(11, valueInfo('x', 1, 1, 'height', 'width'));
const constant = field(
  5,
  ...dims.map((dim) => number(1, dim)),
  number(2, float32),
  field(8, 'x'),
  field(9, new Uint8Array(4 * size * size)),
);

function modelOf(x) {
  const ints = 7;
  const kernelShape = [field(1, 'kernel_shape'), number(8, kernel), number(8, kernel)];
  const graph = [
    field(
      1,
      field(1, 'x'),
      field(2, 'pooled'),
      field(4, 'LpPool'),
      field(5, ...kernelShape, number(20, ints)),
    ),
    // What gives an output is not computed at the load.
    field(1, field(1, 'pooled'), field(2, 'y'), field(4, 'Neg')),
    field(2, 'stuck'),
    x,
    field(12, valueInfo('y', 1, 1, 'h', 'w')),
  ];
  return Buffer.concat([number(1, 8), field(7, ...graph), field(8, number(2, 17))]);
}

export const createStuck = (options) => InferenceSession.create(modelOf(input), options);

/** Feeds of a run that does not end within a test. */
export const stuckFeeds = () => ({ x: new Tensor('float32', new Float32Array(size * size), dims) });

/** A load that does not end within a test: ONNX Runtime computes what is constant. */
export const loadStuck = (options) => InferenceSession.create(modelOf(constant), options);

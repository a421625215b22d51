// Just enough of ONNX's protobuf encoding to write the small models of the benchmarks, so that
// most suites need no Python. Field numbers: onnx.proto.

const elementTypes = { float32: 1, int64: 7 };

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Buffer.from(bytes);
}

const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);

function bytes(field, value) {
  const content = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
}

const message = (field, ...fields) => bytes(field, Buffer.concat(fields));

/** NodeProto as a field of a graph. Attributes are integers, or arrays of them. */
export function node(operator, inputs, outputs, attributes = {}) {
  const attribute = ([name, value]) =>
    Array.isArray(value)
      ? message(5, bytes(1, name), ...value.map((one) => integer(8, one)), integer(20, 7))
      : message(5, bytes(1, name), integer(3, value), integer(20, 2));
  return message(
    1,
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, operator),
    ...Object.entries(attributes).map(attribute),
  );
}

/** A constant, float32 or int64: TensorProto as a field of a graph. */
export function constant(name, dims, data) {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const type = data instanceof BigInt64Array ? 'int64' : 'float32';
  return message(
    5,
    ...dims.map((dim) => integer(1, dim)),
    integer(2, elementTypes[type]),
    bytes(8, name),
    bytes(9, raw),
  );
}

/** A float32 constant whose values are the whole of the file `location` beside the model. */
export function externalConstant(name, dims, location) {
  const EXTERNAL = 1;
  return message(
    5,
    ...dims.map((dim) => integer(1, dim)),
    integer(2, elementTypes.float32),
    bytes(8, name),
    message(13, bytes(1, 'location'), bytes(2, location)),
    integer(14, EXTERNAL),
  );
}

/** ValueInfoProto of a tensor; a dimension that is a string is symbolic. */
function value(field, name, info) {
  const { type, dims } = Array.isArray(info) ? { type: 'float32', dims: info } : info;
  const dimension = (dim) => message(1, typeof dim === 'string' ? bytes(2, dim) : integer(1, dim));
  const shape = message(2, ...dims.map(dimension));
  return message(
    field,
    bytes(1, name),
    message(2, message(1, integer(1, elementTypes[type]), shape)),
  );
}

/**
 * A model's bytes.
 *
 * @param parts - what `node` and `constant` gave
 * @param inputs, outputs - by name the dims of a float32 tensor, or {type, dims}
 */
export function model({ name, parts, inputs, outputs }) {
  const graph = message(
    7,
    bytes(2, name),
    ...parts,
    ...Object.entries(inputs).map(([input, dims]) => value(11, input, dims)),
    ...Object.entries(outputs).map(([output, dims]) => value(12, output, dims)),
  );
  const irVersion = 8;
  const opset = 17;
  return Buffer.concat([
    integer(1, irVersion),
    bytes(2, 'onlite bench'),
    graph,
    message(8, integer(2, opset)),
  ]);
}

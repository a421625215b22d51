/** Encodes small ONNX models for tests, as far as onnx.proto is needed for that. */

export const float32 = 1;
export const int64 = 7;

export interface OnnxValue {
  name: string;
  type: number;
  dims: readonly (number | string)[];
}

export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
}

export interface OnnxGraph {
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  nodes: readonly OnnxNode[];
  initializers?: readonly { name: string; dims: readonly number[]; data: Float32Array }[];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

const integer = (field: number, value: number): number[] => [field << 3, ...varint(value)];
const bytes = (field: number, value: Iterable<number>): number[] => {
  const content = [...value];
  return [(field << 3) | 2, ...varint(content.length), ...content];
};
const text = (field: number, value: string): number[] => bytes(field, Buffer.from(value));

function encodeValue({ name, type, dims }: OnnxValue): number[] {
  const shape = dims.flatMap((dim) =>
    bytes(1, typeof dim === 'number' ? integer(1, dim) : text(2, dim)),
  );
  const tensor = [...integer(1, type), ...bytes(2, shape)];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
}

/** The bytes of a model with that graph, opset 17. */
export function encodeOnnx({ inputs, outputs, nodes, initializers = [] }: OnnxGraph): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) =>
      bytes(1, [
        ...node.inputs.flatMap((name) => text(1, name)),
        ...node.outputs.flatMap((name) => text(2, name)),
        ...text(4, node.op),
      ]),
    ),
    ...text(2, 'test'),
    ...initializers.flatMap(({ name, dims, data }) =>
      bytes(5, [
        ...dims.flatMap((dim) => integer(1, dim)),
        ...integer(2, float32),
        ...text(8, name),
        ...bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      ]),
    ),
    ...inputs.flatMap((input) => bytes(11, encodeValue(input))),
    ...outputs.flatMap((output) => bytes(12, encodeValue(output))),
  ];
  return Uint8Array.from([...integer(1, 8), ...bytes(8, integer(2, 17)), ...bytes(7, graph)]);
}

/** Encodes small ONNX models for tests, as far as onnx.proto is needed for that. */

export const float32 = 1;
export const int64 = 7;

export interface OnnxValue {
  name: string;
  type: number;
  dims: readonly (number | string)[];
  /** A sequence of such tensors. */
  sequence?: boolean;
}

export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Version 1 of another domain than ONNX's own. */
  domain?: string;
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

function encodeValue({ name, type, dims, sequence = false }: OnnxValue): number[] {
  const shape = dims.flatMap((dim) =>
    bytes(1, typeof dim === 'number' ? integer(1, dim) : text(2, dim)),
  );
  const tensor = [...integer(1, type), ...bytes(2, shape)];
  const proto = bytes(1, tensor);
  return [...text(1, name), ...bytes(2, sequence ? bytes(4, bytes(1, proto)) : proto)];
}

/** The bytes of a model with that graph, opset 17. */
export function encodeOnnx({ inputs, outputs, nodes, initializers = [] }: OnnxGraph): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) =>
      bytes(1, [
        ...node.inputs.flatMap((name) => text(1, name)),
        ...node.outputs.flatMap((name) => text(2, name)),
        ...text(4, node.op),
        ...(node.domain === undefined ? [] : text(7, node.domain)),
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
  const domains = new Set(nodes.flatMap(({ domain }) => domain ?? []));
  const imports = [...domains].flatMap((domain) =>
    bytes(8, [...text(1, domain), ...integer(2, 1)]),
  );
  return Uint8Array.from([
    ...integer(1, 8),
    ...bytes(8, integer(2, 17)),
    ...imports,
    ...bytes(7, graph),
  ]);
}

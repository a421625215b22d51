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
  domain?: string;
  attributes?: Readonly<Record<string, number | readonly number[] | OnnxGraph>>;
}

export interface OnnxGraph {
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  nodes: readonly OnnxNode[];
  initializers?: readonly {
    name: string;
    dims: readonly number[];
    /** What is in another file is of 32-bit floats. */
    data: Float32Array | BigInt64Array | { location: string };
  }[];
}

/** A function of the model, called as an operator of the domain 'local'. */
export interface OnnxFunction {
  name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  nodes: readonly OnnxNode[];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

const integer = (field: number, value: number): number[] => [
  ...varint(field * 8),
  ...varint(value),
];
const bytes = (field: number, value: Iterable<number>): number[] => {
  const content = [...value];
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
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

const isGraph = (value: number | readonly number[] | OnnxGraph): value is OnnxGraph =>
  typeof value === 'object' && 'nodes' in value;

function encodeAttribute(name: string, value: number | readonly number[] | OnnxGraph): number[] {
  const head = text(1, name);
  if (typeof value === 'number') return [...head, ...integer(3, value), ...integer(20, 2)];
  if (isGraph(value)) return [...head, ...bytes(6, encodeGraph(value)), ...integer(20, 5)];
  return [...head, ...value.flatMap((item) => integer(8, item)), ...integer(20, 7)];
}

function encodeNode({ op, inputs, outputs, domain, attributes = {} }: OnnxNode): number[] {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([name, value]) =>
      bytes(5, encodeAttribute(name, value)),
    ),
    ...(domain === undefined ? [] : text(7, domain)),
  ];
}

function encodeGraph({ inputs, outputs, nodes, initializers = [] }: OnnxGraph): number[] {
  return [
    ...nodes.flatMap((node) => bytes(1, encodeNode(node))),
    ...text(2, 'test'),
    ...initializers.flatMap(({ name, dims, data }) =>
      bytes(5, [
        ...dims.flatMap((dim) => integer(1, dim)),
        ...integer(2, data instanceof BigInt64Array ? int64 : float32),
        ...text(8, name),
        ...('location' in data
          ? [...bytes(13, [...text(1, 'location'), ...text(2, data.location)]), ...integer(14, 1)]
          : bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))),
      ]),
    ),
    ...inputs.flatMap((input) => bytes(11, encodeValue(input))),
    ...outputs.flatMap((output) => bytes(12, encodeValue(output))),
  ];
}

const operatorSet = (domain: string, version: number): number[] =>
  bytes(8, [...text(1, domain), ...integer(2, version)]);

/** The bytes of a model with that graph and those functions, opset 17. */
export function encodeOnnx(graph: OnnxGraph, functions: readonly OnnxFunction[] = []): Uint8Array {
  const others = new Set(graph.nodes.flatMap(({ domain }) => domain ?? []));
  for (const domain of ['com.microsoft', 'local']) others.delete(domain);
  return Uint8Array.from([
    ...integer(1, 8),
    ...bytes(8, integer(2, 17)),
    ...operatorSet('com.microsoft', 1),
    ...(functions.length > 0 ? operatorSet('local', 1) : []),
    ...[...others].flatMap((domain) => operatorSet(domain, 1)),
    ...bytes(7, encodeGraph(graph)),
    ...functions.flatMap(({ name, inputs, outputs, nodes }) =>
      bytes(25, [
        ...text(1, name),
        ...inputs.flatMap((input) => text(4, input)),
        ...outputs.flatMap((output) => text(5, output)),
        ...nodes.flatMap((node) => bytes(7, encodeNode(node))),
        ...bytes(9, integer(2, 17)),
        ...text(10, 'local'),
      ]),
    ),
  ]);
}

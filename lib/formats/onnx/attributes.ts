import { OnnxAttributeType } from './data-type';
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from './types';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function findAttribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

export function intAttribute(node: NodeProto, name: string): number | undefined;
export function intAttribute(node: NodeProto, name: string, missing: number): number;
export function intAttribute(node: NodeProto, name: string, missing?: number): number | undefined {
  const value = findAttribute(node, name)?.i;
  return value === undefined ? missing : Number(value);
}

export function floatAttribute(node: NodeProto, name: string, missing: number): number {
  return findAttribute(node, name)?.f ?? missing;
}

export function stringAttribute(node: NodeProto, name: string, missing: string): string {
  const bytes = findAttribute(node, name)?.s;
  return bytes === undefined ? missing : decoder.decode(bytes);
}

/** Undefined where the node has no such attribute. */
export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return findAttribute(node, name)?.ints.map(Number);
}

/** Undefined where the node has no such attribute. */
export function floatsAttribute(node: NodeProto, name: string): readonly number[] | undefined {
  return findAttribute(node, name)?.floats;
}

/** The graphs that a node holds: branches of an If, bodies of Loop and Scan. */
export function subgraphs(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
}

/** What an attribute may hold; integers are bigints, other numbers are floats. */
export type AttributeValue =
  number | bigint | string | TensorProto | readonly number[] | readonly bigint[];

function emptyAttribute(name: string, type: number): AttributeProto {
  const lists = { floats: [], ints: [], strings: [], tensors: [], graphs: [], typeProtos: [] };
  return { name, type, ...lists, sparseTensors: [] };
}

/** An attribute of the type that the value has; a list must not be empty. */
export function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const { FLOAT, INT, STRING, TENSOR, FLOATS, INTS } = OnnxAttributeType;
  if (typeof value === 'number') return { ...emptyAttribute(name, FLOAT), f: value };
  if (typeof value === 'bigint') return { ...emptyAttribute(name, INT), i: value };
  if (typeof value === 'string') {
    return { ...emptyAttribute(name, STRING), s: encoder.encode(value) };
  }
  if ('dims' in value) return { ...emptyAttribute(name, TENSOR), t: value };
  return typeof value[0] === 'bigint'
    ? { ...emptyAttribute(name, INTS), ints: [...value] as bigint[] }
    : { ...emptyAttribute(name, FLOATS), floats: [...value] as number[] };
}

/** Gives a node an attribute, in place of one of the same name. */
export function setAttribute(node: NodeProto, name: string, value: AttributeValue): void {
  const attribute = makeAttribute(name, value);
  const at = node.attribute.findIndex((other) => other.name === name);
  if (at < 0) node.attribute.push(attribute);
  else node.attribute[at] = attribute;
}

export interface NodeOptions {
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/** A node of the standard operators, unless `domain` says otherwise. */
export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  { name, domain, attributes = {} }: NodeOptions = {},
): NodeProto {
  return {
    input: [...input],
    output: [...output],
    ...(name === undefined ? {} : { name }),
    opType,
    attribute: Object.entries(attributes).map(([key, value]) => makeAttribute(key, value)),
    ...(domain === undefined ? {} : { domain }),
    metadataProps: [],
  };
}

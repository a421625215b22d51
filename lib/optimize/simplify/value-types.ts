import type { TensorValueMetadata } from '../../engine/session/metadata';
import type { SessionOptions } from '../../engine/session/session-options';
import {
  dataTypeOf,
  elementCount,
  graphOf,
  makeNode,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../formats/onnx';
import { withSession } from './runtime-model';

/** A size, or the name of one that is the same wherever the name is; undefined for an unknown one. */
export type Dim = number | string | undefined;

/** Tensors above this many elements stand for nothing that shapes depend on. */
const LARGE = 1024;

/** What is known of a value; no dims where the rank is not known, no element type of what is no tensor. */
interface ValueType {
  readonly elementType?: number;
  readonly dims?: readonly Dim[];
}

const named = (name: string | undefined): string | undefined => (name === '' ? undefined : name);

function declaredType({ type }: ValueInfoProto): ValueType {
  const { elemType, shape } = type?.tensorType ?? {};
  const dims = shape?.dim.map(({ dimValue, dimParam }) =>
    dimValue !== undefined && dimValue >= 0 ? dimValue : named(dimParam),
  );
  return {
    ...(elemType ? { elementType: elemType } : {}),
    ...(dims ? { dims } : {}),
  };
}

const tensorType = ({ dataType, dims }: TensorProto): ValueType => ({
  dims,
  ...(dataType === undefined ? {} : { elementType: dataType }),
});

/** The types and shapes of a graph's values, as far as they are known. */
export class ValueTypes {
  readonly #types = new Map<string, ValueType>();

  /** @param inferred - what the graph does not say */
  constructor(graph: GraphProto, inferred: ReadonlyMap<string, ValueType> = new Map()) {
    for (const info of [...graph.output, ...graph.valueInfo]) {
      this.#types.set(info.name ?? '', declaredType(info));
    }
    for (const [name, type] of inferred) this.#types.set(name, type);
    for (const info of graph.input) this.#types.set(info.name ?? '', declaredType(info));
    for (const tensor of graph.initializer) this.#types.set(tensor.name ?? '', tensorType(tensor));
  }

  /** A value of `OnnxDataType`; undefined where it is not known, or no tensor. */
  elementType(name: string | undefined): number | undefined {
    return this.#types.get(name ?? '')?.elementType;
  }

  /** Undefined where the rank is not known. */
  dims(name: string | undefined): readonly Dim[] | undefined {
    return this.#types.get(name ?? '')?.dims;
  }

  rank(name: string | undefined): number | undefined {
    return this.dims(name)?.length;
  }

  /** The sizes where all of them are numbers. */
  fixedDims(name: string | undefined): readonly number[] | undefined {
    const dims = this.dims(name);
    return dims?.every((dim) => typeof dim === 'number') ? dims : undefined;
  }
}

/** An input that stands for a tensor: of its type and shape. */
function declared({ name, dataType, dims }: TensorProto): ValueInfoProto {
  const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
  const tensorType = { ...(dataType === undefined ? {} : { elemType: dataType }), shape };
  return { ...(name === undefined ? {} : { name }), type: { tensorType }, metadataProps: [] };
}

/** The model with inputs in the place of its weights: what the runtime infers from is small. */
function withoutWeights(model: ModelProto, graph: GraphProto): ModelProto & { graph: GraphProto } {
  const inputs = new Set(graph.input.map(({ name }) => name));
  const outputs = new Set(graph.output.map(({ name }) => name));
  const isWeight = (tensor: TensorProto): boolean =>
    elementCount(tensor) > LARGE && !outputs.has(tensor.name);
  const weights = graph.initializer.filter(isWeight);
  const input = [...graph.input, ...weights.filter(({ name }) => !inputs.has(name)).map(declared)];
  const initializer = graph.initializer.filter((tensor) => !isWeight(tensor));
  return { ...model, graph: { ...graph, input, initializer, valueInfo: [] } };
}

/** What the runtime says of outputs that are declared without a type. */
async function outputTypes(
  model: ModelProto & { graph: GraphProto },
  nodes: readonly NodeProto[],
  names: readonly string[],
  session: SessionOptions,
): Promise<TensorValueMetadata[]> {
  const { graph } = model;
  const output = [...graph.output, ...names.map((name) => ({ name, metadataProps: [] }))];
  const extended = { ...model, graph: { ...graph, node: [...graph.node, ...nodes], output } };
  return withSession(extended, session, ({ outputMetadata }) =>
    Promise.resolve(outputMetadata.filter((value) => value.isTensor)),
  );
}

/**
 * Which values of no dims are scalars. The runtime says the same of those whose rank it does not
 * know, but it knows how many dims the shape of a scalar has.
 */
async function scalarsOf(
  model: ModelProto & { graph: GraphProto },
  names: readonly string[],
  session: SessionOptions,
): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const shapes = new Map(names.map((name) => [`${name}/shape of it`, name]));
  const nodes = [...shapes].map(([shape, name]) => makeNode('Shape', [name], [shape]));
  const found = await outputTypes(model, nodes, [...shapes.keys()], session);
  return new Set(
    found.flatMap(({ name, shape }) => (shape[0] === 0 ? [shapes.get(name) ?? ''] : [])),
  );
}

/**
 * Types and shapes as ONNX Runtime infers them.
 *
 * @returns what the model declares, and why there is no more, where the runtime does not load it
 */
export async function inferTypes(
  model: ModelProto,
  session: SessionOptions,
): Promise<{ types: ValueTypes; failed?: unknown }> {
  const graph = graphOf(model);
  try {
    const small = withoutWeights(model, graph);
    const outputs = new Set(graph.output.map(({ name }) => name));
    const names = graph.node
      .flatMap(({ output }) => output)
      .filter((name) => name !== '' && !outputs.has(name));
    const values = await outputTypes(small, [], names, session);
    const flat = values.filter(({ shape }) => shape.length === 0).map(({ name }) => name);
    const scalars = await scalarsOf(small, flat, session);
    const inferred = values.map(({ name, type, shape }): [string, ValueType] => {
      const isRanked = shape.length > 0 || scalars.has(name);
      const elementType = dataTypeOf(type);
      return [
        name,
        {
          ...(elementType === undefined ? {} : { elementType }),
          ...(isRanked ? { dims: shape.map((dim) => (dim === '' ? undefined : dim)) } : {}),
        },
      ];
    });
    return { types: new ValueTypes(graph, new Map(inferred)) };
  } catch (failed) {
    return { types: new ValueTypes(graph), failed };
  }
}

import type { TensorValueMetadata } from '../../engine/session/metadata';
import type { SessionOptions } from '../../engine/session/session-options';
import {
  capturedNames,
  dataTypeOf,
  elementCount,
  findAttribute,
  graphOf,
  isStandard,
  makeNode,
  OnnxDataType,
  subgraphs,
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
  readonly #outer: ValueTypes | undefined;

  /**
   * @param inferred - what the graph does not say
   * @param outer - of the graph around it, whose values it may take
   */
  constructor(
    graph: GraphProto,
    inferred: ReadonlyMap<string, ValueType> = new Map(),
    outer?: ValueTypes,
  ) {
    this.#outer = outer;
    for (const info of [...graph.output, ...graph.valueInfo]) {
      this.#types.set(info.name ?? '', declaredType(info));
    }
    for (const [name, type] of inferred) this.#types.set(name, type);
    for (const info of graph.input) this.#types.set(info.name ?? '', declaredType(info));
    for (const tensor of graph.initializer) this.#types.set(tensor.name ?? '', tensorType(tensor));
  }

  /** A value of `OnnxDataType`; undefined where it is not known, or no tensor. */
  elementType(name: string | undefined): number | undefined {
    return this.#of(name)?.elementType;
  }

  /** Undefined where the rank is not known. */
  dims(name: string | undefined): readonly Dim[] | undefined {
    return this.#of(name)?.dims;
  }

  rank(name: string | undefined): number | undefined {
    return this.dims(name)?.length;
  }

  /** The sizes where all of them are numbers. */
  fixedDims(name: string | undefined): readonly number[] | undefined {
    const dims = this.dims(name);
    return dims?.every((dim) => typeof dim === 'number') ? dims : undefined;
  }

  #of(name = ''): ValueType | undefined {
    const own = this.#types.get(name);
    return own ?? (this.#outer ? this.#outer.#of(name) : undefined);
  }
}

/** Types and shapes by graph: the main one, and the branches and bodies that nodes hold. */
export type GraphTypes = (graph: GraphProto) => ValueTypes;

/** An input of a type and a shape, as far as they are known. */
function declared(
  name: string,
  elementType: number | undefined,
  dims: readonly Dim[] | undefined,
): ValueInfoProto {
  const shape = dims?.map((dim) => {
    if (dim === undefined) return {};
    return typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim };
  });
  const tensorType = {
    ...(elementType === undefined ? {} : { elemType: elementType }),
    ...(shape ? { shape: { dim: shape } } : {}),
  };
  return { name, type: { tensorType }, metadataProps: [] };
}

/** The model with inputs in the place of its weights: what the runtime infers from is small. */
function withoutWeights(model: ModelProto, graph: GraphProto): ModelProto & { graph: GraphProto } {
  const inputs = new Set(graph.input.map(({ name }) => name));
  const outputs = new Set(graph.output.map(({ name }) => name));
  const isWeight = (tensor: TensorProto): boolean =>
    elementCount(tensor) > LARGE && !outputs.has(tensor.name);
  const weights = graph.initializer.filter(isWeight);
  const own = weights.filter(({ name }) => !inputs.has(name));
  const stands = own.map(({ name = '', dataType, dims }) => declared(name, dataType, dims));
  const input = [...graph.input, ...stands];
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

/** What the runtime infers of the values that nodes make. */
async function inferredTypes(
  model: ModelProto & { graph: GraphProto },
  session: SessionOptions,
): Promise<ReadonlyMap<string, ValueType>> {
  const { graph } = model;
  const outputs = new Set(graph.output.map(({ name }) => name));
  const names = graph.node
    .flatMap(({ output }) => output)
    .filter((name) => name !== '' && !outputs.has(name));
  const values = await outputTypes(model, [], names, session);
  const flat = values.filter(({ shape }) => shape.length === 0).map(({ name }) => name);
  const scalars = await scalarsOf(model, flat, session);
  return new Map(
    values.map(({ name, type, shape }): [string, ValueType] => {
      const isRanked = shape.length > 0 || scalars.has(name);
      const elementType = dataTypeOf(type);
      return [
        name,
        {
          ...(elementType === undefined ? {} : { elementType }),
          ...(isRanked ? { dims: shape.map((dim) => (dim === '' ? undefined : dim)) } : {}),
        },
      ];
    }),
  );
}

/** What the graphs inside a graph may take from it. */
interface Scope {
  readonly types: ValueTypes;
  readonly constants: ReadonlyMap<string, TensorProto>;
  /** Inputs may be no tensors, whose types are not among the others. */
  readonly inputs: ReadonlyMap<string, ValueInfoProto>;
}

/** The element type of what a Loop or a Scan gives its body for an input. */
function givenType(node: NodeProto, index: number, types: ValueTypes): number | undefined {
  const isLoop = isStandard(node, 'Loop');
  if (isLoop && index === 0) return OnnxDataType.INT64;
  if (isLoop && index === 1) return OnnxDataType.BOOL;
  return types.elementType(node.input[index]);
}

/**
 * An input of a body as a model of its own has it. What a Loop carries may have other dims each time
 * that the body runs, though these have names.
 */
function bodyInput(
  info: ValueInfoProto,
  index: number,
  node: NodeProto,
  types: ValueTypes,
): ValueInfoProto {
  if (info.type && !info.type.tensorType) return info;
  const { elementType = givenType(node, index, types), dims } = declaredType(info);
  const isCarried = isStandard(node, 'Loop');
  const own = dims?.map((dim) => (isCarried && typeof dim === 'string' ? undefined : dim));
  return declared(info.name ?? '', elementType, own);
}

/** A branch or a body of a node, with inputs, or constants, for what it takes from around it. */
function standalone(
  graph: GraphProto,
  node: NodeProto,
  { types, constants, inputs }: Scope,
): GraphProto {
  const captured = [...capturedNames(graph)];
  const taken = captured.filter((name) => !constants.has(name));
  const known = captured.flatMap((name) => constants.get(name) ?? []);
  return {
    ...graph,
    input: [
      ...graph.input.map((info, index) => bodyInput(info, index, node, types)),
      ...taken.map(
        (name) => inputs.get(name) ?? declared(name, types.elementType(name), types.dims(name)),
      ),
    ],
    // What they declare of the results holds as little.
    output: graph.output.map(({ name = '' }) => ({ name, metadataProps: [] })),
    initializer: [...graph.initializer, ...known],
  };
}

/** The constants of a graph, but those that its inputs may replace, and of the graphs around it. */
function constantsOf({ initializer, input, node }: GraphProto, outer?: Scope): Scope['constants'] {
  const constants = new Map(outer?.constants);
  for (const tensor of initializer) constants.set(tensor.name ?? '', tensor);
  for (const { name = '' } of input) constants.delete(name);
  for (const made of node) {
    const tensor = isStandard(made, 'Constant') ? findAttribute(made, 'value')?.t : undefined;
    const [name = ''] = made.output;
    if (tensor) constants.set(name, { ...tensor, name });
  }
  return constants;
}

/** Infers the types of a graph after the other. */
class TypeInference {
  readonly known = new Map<GraphProto, ValueTypes>();
  readonly failed: unknown[] = [];
  readonly #model: ModelProto;
  readonly #session: SessionOptions;

  constructor(model: ModelProto, session: SessionOptions) {
    this.#model = model;
    this.#session = session;
  }

  /** Of a graph, and of the branches and bodies that its nodes hold. */
  async infer(graph: GraphProto, around?: { scope: Scope; node: NodeProto }): Promise<void> {
    const outer = around?.scope;
    const whole = around ? standalone(graph, around.node, around.scope) : graph;
    const inferred = await inferredTypes(withoutWeights(this.#model, whole), this.#session).catch(
      (error: unknown) => {
        this.failed.push(error);
        return undefined;
      },
    );
    const types = new ValueTypes(whole, inferred, outer?.types);
    this.known.set(graph, types);
    const own = graph.input.map((info) => [info.name ?? '', info] as const);
    const inputs = new Map([...(outer?.inputs ?? []), ...own]);
    const scope = { types, constants: constantsOf(graph, outer), inputs };
    for (const node of graph.node) {
      for (const inner of subgraphs(node)) await this.infer(inner, { scope, node });
    }
  }
}

/**
 * Types and shapes as ONNX Runtime infers them; branches and bodies are given to it as models of
 * their own.
 *
 * @returns of a graph that the runtime does not load, what that declares, and why there is no more
 */
export async function inferTypes(
  model: ModelProto,
  session: SessionOptions,
): Promise<{ types: GraphTypes; failed: readonly unknown[] }> {
  const inference = new TypeInference(model, session);
  await inference.infer(graphOf(model));
  const { known, failed } = inference;
  return { types: (graph) => known.get(graph) ?? new ValueTypes(graph), failed };
}

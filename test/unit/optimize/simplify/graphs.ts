import { InferenceSession, Tensor, type TensorLike } from 'onlite';

import {
  GraphEditor,
  makeAttribute,
  OnnxAttributeType,
  OnnxDataType,
  readOnnxModel,
  walkModel,
  writeOnnxModel,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../../../lib/formats/onnx';
import { PASSES } from '../../../../lib/optimize/simplify/passes';
import { simplify, type Simplified } from '../../../../lib/optimize/simplify/simplify';

export type Dim = number | string;

/** A float value of a graph; a name is a dynamic dimension. */
export const floats = (name: string, dims: readonly Dim[]): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: OnnxDataType.FLOAT,
      shape: {
        dim: dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })),
      },
    },
  },
  metadataProps: [],
});

/** A value that the runtime finds the type of. */
export const untyped = (name: string): ValueInfoProto => ({ name, metadataProps: [] });

export function graphOf(parts: Partial<GraphProto>): GraphProto {
  return {
    node: [],
    name: 'graph',
    initializer: [],
    input: [],
    output: [],
    valueInfo: [],
    quantizationAnnotation: [],
    sparseInitializer: [],
    metadataProps: [],
    ...parts,
  };
}

export function modelOf(
  nodes: readonly NodeProto[],
  input: readonly ValueInfoProto[],
  outputs: readonly string[],
  initializer: readonly TensorProto[] = [],
  opset = 17,
): ModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: [],
    functions: [],
    graph: graphOf({
      node: [...nodes],
      input: [...input],
      output: outputs.map(untyped),
      initializer: [...initializer],
    }),
  };
}

/** An attribute that holds a graph, as branches and bodies are. */
export function graphAttribute(name: string, g: GraphProto): AttributeProto {
  const attribute = makeAttribute(name, 0n);
  delete attribute.i;
  return { ...attribute, type: OnnxAttributeType.GRAPH, g };
}

export const operators = ({ graph }: ModelProto): string[] =>
  graph!.node.map(({ opType = '' }) => opType);

/** Those of branches and bodies too. */
export function allOperators(model: ModelProto): string[] {
  const found: string[] = [];
  walkModel(model, { node: ({ opType = '' }) => found.push(opType) });
  return found;
}

/** One pass by the name that reports have, until it finds no more; constants are folded with it. */
export function applyPass(model: ModelProto, name: string): Promise<Simplified> {
  const pass = PASSES.get(name);
  if (!pass) throw new RangeError(name);
  return simplify(model, { session: {}, growth: 1024 }, new Map([[name, pass]]));
}

export const applyAll = (model: ModelProto): Promise<Simplified> =>
  simplify(model, { session: {}, growth: 1024 });

/** Numbers that are neither equal nor round. */
export const waves = (size: number, start = 1): Float32Array =>
  Float32Array.from({ length: size }, (_, index) => Math.sin(1.7 * (index + start)));

export function tensor(dims: readonly number[], start = 1): Tensor<'float32'> {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor('float32', waves(size, start), dims);
}

/** What a model gives, as it is and after it was written and read. */
export async function run(
  model: ModelProto,
  feeds: Readonly<Record<string, TensorLike>>,
): Promise<Record<string, Tensor>> {
  const bytes = writeOnnxModel(model);
  new GraphEditor(readOnnxModel(bytes)).commit();
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** The greatest difference of any output, by the output's greatest value; Infinity for other dims. */
export function distance(
  expected: Readonly<Record<string, Tensor>>,
  actual: Readonly<Record<string, Tensor>>,
): number {
  let greatest = 0;
  for (const [name, one] of Object.entries(expected)) {
    const other = actual[name];
    if (one.type !== other?.type || one.dims.join() !== other.dims.join()) return Infinity;
    const [values, others] = [one.data as Float32Array, other.data as Float32Array];
    let [difference, scale] = [0, 1];
    values.forEach((value, index) => {
      difference = Math.max(difference, Math.abs(value - (others[index] ?? NaN)));
      scale = Math.max(scale, Math.abs(value));
    });
    greatest = Math.max(greatest, difference / scale);
  }
  return greatest;
}

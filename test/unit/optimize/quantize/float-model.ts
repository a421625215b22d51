import { InferenceSession, Tensor } from 'onlite';

import {
  GraphEditor,
  makeFloats,
  writeOnnxModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { difference } from '../../../../lib/optimize/measures/difference';

/** Numbers between -1 and 1, the same for the same seed (mulberry32). */
export function randomFloats(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}

/** A constant of random numbers, those of index i along an axis times `ranges[i]`. */
export function randomTensor(
  name: string,
  dims: readonly number[],
  { seed = 1, axis = 0, ranges = [1] }: { seed?: number; axis?: number; ranges?: number[] } = {},
): TensorProto {
  const size = (sizes: readonly number[]) => sizes.reduce((product, dim) => product * dim, 1);
  const stride = size(dims.slice(axis + 1));
  const values = randomFloats(size(dims), seed).map(
    (value, index) =>
      value * (ranges[(Math.floor(index / stride) % dims[axis]!) % ranges.length] ?? 1),
  );
  return makeFloats(name, values, dims);
}

/** A model of one input 'x' and, unless others are named, one output 'y'. */
export function floatModel(
  dims: readonly (number | string)[],
  nodes: NodeProto[],
  initializer: TensorProto[],
  outputs: readonly string[] = ['y'],
): ModelProto {
  const dim = dims.map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: size },
  );
  const input = { name: 'x', type: { tensorType: { elemType: 1, shape: { dim } } } };
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [],
    functions: [],
    graph: {
      name: 'test',
      node: nodes,
      initializer,
      input: [{ ...input, metadataProps: [] }],
      output: outputs.map((name) => ({
        name,
        type: { tensorType: { elemType: 1 } },
        metadataProps: [],
      })),
      valueInfo: [],
      quantizationAnnotation: [],
      sparseInitializer: [],
      metadataProps: [],
    },
  };
}

/** What a model gives for random inputs, all outputs one after the other. */
export async function outputsOf(
  model: Uint8Array,
  dims: readonly number[],
  seed = 7,
): Promise<Float32Array> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 4 });
  const size = dims.reduce((product, dim) => product * dim, 1);
  const results = await session.run({ x: new Tensor('float32', randomFloats(size, seed), dims) });
  const values = session.outputNames.flatMap((name) => [...(results[name]!.data as Float32Array)]);
  await session.release();
  return Float32Array.from(values);
}

/** Changes a model, and says how near it still is to what it was, in dB, on random inputs. */
export async function sqnrAfter<Result>(
  model: ModelProto,
  dims: readonly number[],
  change: (editor: GraphEditor) => Result,
): Promise<{ readonly sqnr: number; readonly result: Result; readonly changed: ModelProto }> {
  const before = await outputsOf(writeOnnxModel(model), dims);
  const editor = new GraphEditor(model);
  const result = change(editor);
  editor.removeUnused();
  const changed = editor.commit();
  const after = await outputsOf(writeOnnxModel(changed), dims);
  return { sqnr: difference(before, after).sqnr, result, changed };
}

import type { SessionOptions } from '../../engine/session/session-options';
import { OnliteError } from '../../errors';
import {
  graphOf,
  isStandard,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from '../../formats/onnx';
import { allNodes, operatorName } from './measure';
import { writtenByRuntime } from './runtime-model';

/** Which operators an optimised model may have: standard ones, or ONNX Runtime's own too. */
export type OptimizeLevel = 'portable' | 'runtime';

/**
 * ONNX Runtime's levels. Beyond `extended` it arranges weights for the CPU that it runs on: such a
 * model is not for another machine.
 */
const LEVELS = { portable: 'basic', runtime: 'extended' } as const;

/** The declared types of values that are still there; the runtime writes those of all. */
function keptTypes(original: GraphProto, written: GraphProto): ValueInfoProto[] {
  const made = new Set(written.node.flatMap(({ output }) => output));
  return original.valueInfo.filter(({ name = '' }) => made.has(name));
}

/** The domains of a model's operators, by the versions that they are imported with. */
function importsOf(original: ModelProto, written: ModelProto): ModelProto['opsetImport'] {
  const known = new Set(original.opsetImport.map(({ domain = '' }) => domain));
  const used = new Set(allNodes(written).map(({ domain = '' }) => domain));
  const added = written.opsetImport.filter(
    ({ domain = '' }) => used.has(domain) && !known.has(domain) && domain !== 'ai.onnx',
  );
  return [...original.opsetImport, ...added];
}

const casts = (nodes: readonly NodeProto[]): number =>
  nodes.filter((node) => isStandard(node, 'Cast')).length;

/** @throws OnliteError ERR_UNSUPPORTED where ONNX Runtime wrote what only it, or only its CPU, needs. */
function checkPortable(model: ModelProto, written: ModelProto): void {
  const [before, after] = [allNodes(model), allNodes(written)];
  const known = new Set(before.map(operatorName));
  const foreign = after.map(operatorName).find((name) => name.includes('.') && !known.has(name));
  if (foreign !== undefined) {
    throw new OnliteError('ERR_UNSUPPORTED', `they bring ${foreign} in, which is not portable`);
  }
  // It computes float16 in float32 where its CPU has no kernel.
  if (casts(after) > casts(before)) {
    throw new OnliteError('ERR_UNSUPPORTED', 'they bring casts in, which are for this CPU');
  }
}

/**
 * The model after ONNX Runtime's own optimisations: what it says of itself, its inputs and outputs
 * and the versions of its operators are the original's.
 *
 * @throws OnliteError ERR_UNSUPPORTED where they would bring operators in that are not portable.
 */
export async function runtimeOptimized(
  model: ModelProto,
  level: OptimizeLevel,
  options: SessionOptions,
): Promise<ModelProto> {
  const original = graphOf(model);
  const graphOptimizationLevel = LEVELS[level];
  const written = await writtenByRuntime(model, { ...options, graphOptimizationLevel });
  const { node = [], initializer = [], sparseInitializer = [] } = written.graph ?? {};
  if (level === 'portable') checkPortable(model, written);
  const graph = { ...original, node, initializer, sparseInitializer };
  return {
    ...model,
    opsetImport: importsOf(model, written),
    // The runtime has put them where they were called.
    functions: [],
    graph: { ...graph, valueInfo: keptTypes(original, graph) },
  };
}

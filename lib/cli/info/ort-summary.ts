import { OnliteError } from '../../errors';
import { Flatbuffer, FlatbufferError, type Table } from '../../formats/flatbuffer';
import { dataTypeBits, dataTypeName } from '../../formats/onnx';
import { isError } from '../../realms';
import {
  OperatorCounter,
  WeightCounter,
  type ModelSummary,
  type ValueSummary,
} from './model-summary';

/** Bytes 4 to 7 of a model in ONNX Runtime's own format. */
const identifier = Buffer.from('ORTM');

/** Graphs in graphs, and types in types: what is deeper was not written by ONNX Runtime. */
const maxDepth = 64;

/** Whether the bytes carry the identifier of ONNX Runtime's own format. */
export function isOrtModel(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && identifier.equals(bytes.subarray(4, 8));
}

// The numbers in the functions below are field positions in ONNX Runtime's schema ort.fbs.

/** The members of its union TypeInfoValue. */
const TypeKind = { tensor: 1, sequence: 2, map: 3 } as const;

const defaultDomain = (domain = ''): string => (domain === '' ? 'ai.onnx' : domain);

function typeName(type: Table | undefined, depth = 0): string {
  if (depth > maxDepth) throw new FlatbufferError('a type has too many levels');
  const value = type?.table(2);
  switch (type?.uint8(1)) {
    case TypeKind.tensor:
      return dataTypeName(value?.int32(0));
    case TypeKind.sequence:
      return `sequence(${typeName(value?.table(0), depth + 1)})`;
    case TypeKind.map:
      return `map(${dataTypeName(value?.int32(0))}, ${typeName(value?.table(1), depth + 1)})`;
    default:
      return 'unknown';
  }
}

const namedDimension = (name = ''): number | string => (name === '' ? -1 : name);

function dimension(dim: Table): number | string {
  const value = dim.table(0);
  switch (value?.int8(0)) {
    case 1:
      return Number(value.int64(1));
    case 2:
      return namedDimension(value.string(2));
    default:
      return -1;
  }
}

function summarizeValue(name: string, info: Table | undefined): ValueSummary {
  const type = info?.table(2);
  const summary: ValueSummary = { name, type: typeName(type) };
  const shape = type?.uint8(1) === TypeKind.tensor ? type.table(2)?.table(1) : undefined;
  if (shape) summary.shape = shape.tables(0).map(dimension);
  return summary;
}

function countWeights(tensor: Table, weights: WeightCounter): void {
  const type = tensor.int32(3);
  const parameters = tensor.int64s(2).reduce((product, dim) => product * Number(dim), 1);
  const bits = dataTypeBits(type);
  const texts = tensor.strings(5).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  weights.add(dataTypeName(type), parameters, bits ? Math.ceil((parameters * bits) / 8) : texts);
}

/** ONNX Runtime's number for a model without one is the highest. */
const modelVersion = (version: bigint): bigint => (version === 2n ** 63n - 1n ? 0n : version);

class GraphCounter {
  readonly operators = new OperatorCounter();
  readonly weights = new WeightCounter();
  graphs = 0;

  add(graph: Table, depth = 0): void {
    if (depth > maxDepth) throw new FlatbufferError('graphs have too many levels');
    this.graphs++;
    for (const tensor of graph.tables(0)) countWeights(tensor, this.weights);
    for (const sparse of graph.tables(7)) this.addSparse(sparse);
    for (const node of graph.tables(2)) {
      this.operators.add(defaultDomain(node.string(2)), node.string(5) ?? '');
      for (const attribute of node.tables(10)) this.addAttribute(attribute, depth);
    }
  }

  private addSparse(sparse: Table): void {
    for (const tensor of [sparse.table(0), sparse.table(1)]) {
      if (tensor) countWeights(tensor, this.weights);
    }
  }

  private addAttribute(attribute: Table, depth: number): void {
    for (const tensor of [attribute.table(6), ...attribute.tables(11)]) {
      if (tensor) countWeights(tensor, this.weights);
    }
    for (const graph of [attribute.table(7), ...attribute.tables(12)]) {
      if (graph) this.add(graph, depth + 1);
    }
  }
}

function summarize(bytes: Uint8Array): ModelSummary {
  const root = new Flatbuffer(bytes).root();
  const model = root.table(1);
  const graph = model?.table(7);
  if (!model || !graph) throw new FlatbufferError('it has no graph');
  const counter = new GraphCounter();
  counter.add(graph);
  const infos = new Map(graph.tables(1).map((info) => [info.string(0) ?? '', info]));
  const initialized = new Set(graph.tables(0).map((tensor) => tensor.string(0) ?? ''));
  const values = (names: readonly string[]): ValueSummary[] =>
    names.map((name) => summarizeValue(name, infos.get(name)));
  const inputs = graph.strings(5);
  // In the graph's order, then those with a default, as the runtime lists them.
  const defaults = values(inputs.filter((name) => initialized.has(name)));
  const custom = Object.create(null) as Record<string, string>;
  for (const entry of model.tables(9)) custom[entry.string(0) ?? ''] = entry.string(1) ?? '';
  return {
    engine: 'onnxruntime',
    format: {
      name: 'ort',
      version: Number(model.int64(0)),
      formatVersion: root.string(0) ?? '',
      opsets: model.tables(1).map((opset) => ({
        domain: defaultDomain(opset.string(0)),
        version: Number(opset.int64(1)),
      })),
    },
    inputs: [
      ...values(inputs.filter((name) => !initialized.has(name))),
      ...defaults.map((value) => ({ ...value, optional: true })),
    ],
    outputs: values(graph.strings(6)),
    signatures: {},
    metadata: {
      producer: model.string(2) ?? '',
      producerVersion: model.string(3) ?? '',
      graphName: '',
      domain: model.string(4) ?? '',
      description: model.string(6) ?? '',
      version: modelVersion(model.int64(5)),
      custom,
      names: [],
    },
    operators: counter.operators.list(),
    subgraphs: counter.graphs - 1,
    functions: 0,
    weights: counter.weights.list(),
    externalData: [],
  };
}

/**
 * Describes a model in ONNX Runtime's own format (`.ort`), which has operators as they were
 * optimised.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the bytes are damaged.
 */
export function summarizeOrt(bytes: Uint8Array): ModelSummary {
  try {
    return summarize(bytes);
  } catch (error) {
    if (!(error instanceof FlatbufferError || (isError(error) && error.name === 'RangeError')))
      throw error;
    const reason = `not a model in ONNX Runtime's format: ${error.message}`;
    throw new OnliteError('ERR_MODEL_INVALID', reason, { cause: error });
  }
}

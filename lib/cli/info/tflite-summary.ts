import {
  metadataBytes,
  readModelMetadata,
  uniqueNames,
  type TfliteModel,
  type TfliteSubgraph,
  type TfliteTensor,
} from '../../formats/tflite';
import {
  OperatorCounter,
  WeightCounter,
  type ModelSummary,
  type SignatureSummary,
  type ValueSummary,
} from './model-summary';

function summarizeTensor(tensor: TfliteTensor | undefined, name?: string): ValueSummary {
  if (!tensor) return { name: name ?? '', type: 'unknown' };
  const summary: ValueSummary = {
    name: name ?? tensor.name,
    type: tensor.type,
    shape: tensor.shapeSignature ?? tensor.shape,
  };
  if (tensor.quantization) {
    const { scale, zeroPoint, axis } = tensor.quantization;
    summary.quantization = scale.length > 1 ? { scale, zeroPoint, axis } : { scale, zeroPoint };
  }
  return summary;
}

/** Constant data counts once, however many tensors share it. */
function countWeights(model: TfliteModel): WeightCounter {
  const weights = new WeightCounter();
  const seen = new Set<number>();
  for (const { tensors } of model.subgraphs) {
    for (const tensor of tensors) {
      const size = model.buffers[tensor.buffer]?.size ?? 0;
      if (size === 0 || seen.has(tensor.buffer)) continue;
      seen.add(tensor.buffer);
      weights.add(
        tensor.type,
        tensor.shape.reduce((count, dim) => count * Math.max(0, dim), 1),
        size,
      );
    }
  }
  return weights;
}

function summarizeSignatures(model: TfliteModel): Record<string, SignatureSummary> {
  const signatures = Object.create(null) as Record<string, SignatureSummary>;
  for (const { key, subgraph, inputs, outputs } of model.signatures) {
    const tensors = model.subgraphs[subgraph]?.tensors ?? [];
    const values = (list: typeof inputs, kind: string): ValueSummary[] => {
      // As a session lists them.
      const sorted = [...list].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      const names = uniqueNames(
        sorted.map(({ name }) => name),
        kind,
      );
      return sorted.map(({ tensor }, index) => summarizeTensor(tensors[tensor], names[index]));
    };
    signatures[key] = { inputs: values(inputs, 'input'), outputs: values(outputs, 'output') };
  }
  return signatures;
}

/** The same keys and values as `session.modelMetadata.custom`. */
function summarizeMetadata(
  model: TfliteModel,
  bytes: Uint8Array,
  graphName: string,
): ModelSummary['metadata'] {
  const custom = Object.create(null) as Record<string, string>;
  for (const { name } of model.metadata) {
    const block = Buffer.from(metadataBytes(model, bytes, name));
    custom[name] =
      name === 'min_runtime_version'
        ? (block.toString('utf8').split('\0')[0] ?? '')
        : `${block.length} bytes`;
  }
  const { name, description, author, license, version } = readModelMetadata(model, bytes);
  for (const [key, value] of Object.entries({ author, license, version })) {
    if (value !== '') custom[key] = value;
  }
  return {
    producer: author,
    producerVersion: '',
    graphName: name || graphName,
    domain: '',
    description: description || model.description,
    version: /^-?\d{1,18}$/.test(version) ? BigInt(version) : 0n,
    custom,
    names: model.metadata.map((entry) => entry.name),
  };
}

/** @param bytes - the file that `model` was read from */
export function summarizeTflite(model: TfliteModel, bytes: Uint8Array): ModelSummary {
  const operators = new OperatorCounter();
  for (const { operators: list } of model.subgraphs) {
    for (const { code } of list) {
      const operator = model.operatorCodes[code];
      operators.add(operator?.custom ? 'custom' : 'builtin', operator?.name ?? '');
    }
  }
  const primary: TfliteSubgraph | undefined = model.subgraphs[0];
  const values = (indices: readonly number[] = [], kind: string): ValueSummary[] => {
    const tensors = indices.map((index) => primary?.tensors[index]);
    const names = uniqueNames(
      tensors.map((tensor) => tensor?.name ?? ''),
      kind,
    );
    return tensors.map((tensor, index) => summarizeTensor(tensor, names[index]));
  };
  return {
    engine: 'tflite',
    format: { name: 'tflite', version: model.schemaVersion },
    inputs: values(primary?.inputs, 'input'),
    outputs: values(primary?.outputs, 'output'),
    signatures: summarizeSignatures(model),
    metadata: summarizeMetadata(model, bytes, primary?.name ?? ''),
    operators: operators.list(),
    subgraphs: model.subgraphs.length - 1,
    functions: 0,
    weights: countWeights(model).list(),
    externalData: [],
  };
}

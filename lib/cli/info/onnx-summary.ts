import {
  dataTypeBits,
  dataTypeName,
  elementCount,
  externalDataLocation,
  walkModel,
  type DimensionProto,
  type GraphProto,
  type ModelProto,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from '../../formats/onnx';
import {
  OperatorCounter,
  WeightCounter,
  type ModelSummary,
  type ValueSummary,
} from './model-summary';

/** From this IR version on, an initializer that is also an input is a default that may be fed. */
const FIRST_IR_WITH_DEFAULTS = 4;

/** The operators of the specification itself have the empty domain. */
const defaultDomain = (domain = ''): string => (domain === '' ? 'ai.onnx' : domain);

function typeName(type: TypeProto | undefined): string {
  if (type?.tensorType) return dataTypeName(type.tensorType.elemType);
  if (type?.sparseTensorType) return `sparse(${dataTypeName(type.sparseTensorType.elemType)})`;
  if (type?.sequenceType) return `sequence(${typeName(type.sequenceType.elemType)})`;
  if (type?.optionalType) return `optional(${typeName(type.optionalType.elemType)})`;
  if (type?.mapType) {
    return `map(${dataTypeName(type.mapType.keyType)}, ${typeName(type.mapType.valueType)})`;
  }
  return type?.opaqueType ? 'opaque' : 'unknown';
}

function dimension({ dimValue, dimParam = '' }: DimensionProto): number | string {
  return dimValue ?? (dimParam === '' ? -1 : dimParam);
}

function summarizeValue(value: ValueInfoProto): ValueSummary {
  const optional = value.type?.optionalType;
  const type = optional ? optional.elemType : value.type;
  const summary: ValueSummary = { name: value.name ?? '', type: typeName(type) };
  if (optional) summary.optional = true;
  const shape = (type?.tensorType ?? type?.sparseTensorType)?.shape;
  if (shape) summary.shape = shape.dim.map(dimension);
  return summary;
}

/** Inputs in the graph's order, then those with a default, as the runtime lists them. */
function summarizeInputs(graph: GraphProto, irVersion: number): ValueSummary[] {
  const initialized = new Set(graph.initializer.map((tensor) => tensor.name));
  const required = graph.input.filter((input) => !initialized.has(input.name));
  if (irVersion < FIRST_IR_WITH_DEFAULTS) return required.map(summarizeValue);
  const defaults = graph.input.filter((input) => initialized.has(input.name));
  return [
    ...required.map(summarizeValue),
    ...defaults.map((input) => ({ ...summarizeValue(input), optional: true })),
  ];
}

function weightBytes(tensor: TensorProto): number {
  const bits = dataTypeBits(tensor.dataType);
  if (bits) return Math.ceil((elementCount(tensor) * bits) / 8);
  const texts = tensor.stringData.reduce((sum, item) => sum + item.byteLength, 0);
  return (tensor.source ?? tensor.rawData)?.byteLength ?? texts;
}

/** @throws OnliteError ERR_MODEL_INVALID when a tensor's dims or external data make no sense. */
export function summarizeOnnx(model: ModelProto): ModelSummary {
  const operators = new OperatorCounter();
  const weights = new WeightCounter();
  const external = new Map<string, number>();
  let graphs = 0;
  walkModel(model, {
    node: (node) => {
      operators.add(defaultDomain(node.domain), node.opType ?? '');
    },
    graph: () => {
      graphs++;
    },
    tensor: (tensor) => {
      weights.add(dataTypeName(tensor.dataType), elementCount(tensor), weightBytes(tensor));
      const location = externalDataLocation(tensor)?.location;
      if (location !== undefined) external.set(location, (external.get(location) ?? 0) + 1);
    },
  });
  const irVersion = model.irVersion ?? 0;
  const custom: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const { key, value } of model.metadataProps) custom[key ?? ''] = value ?? '';
  return {
    engine: 'onnxruntime',
    format: {
      name: 'onnx',
      version: irVersion,
      opsets: model.opsetImport.map(({ domain, version }) => ({
        domain: defaultDomain(domain),
        version: version ?? 0,
      })),
    },
    inputs: model.graph ? summarizeInputs(model.graph, irVersion) : [],
    outputs: model.graph?.output.map(summarizeValue) ?? [],
    signatures: {},
    metadata: {
      producer: model.producerName ?? '',
      producerVersion: model.producerVersion ?? '',
      graphName: model.graph?.name ?? '',
      domain: model.domain ?? '',
      description: model.docString ?? '',
      version: model.modelVersion ?? 0n,
      custom,
      names: [],
    },
    operators: operators.list(),
    subgraphs: Math.max(0, graphs - 1),
    functions: model.functions.length,
    weights: weights.list(),
    externalData: [...external].map(([location, tensors]) => ({ location, tensors })),
  };
}

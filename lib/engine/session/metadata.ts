import { elementTypeOfCode, type ElementType } from '../tensor/element-type';
import type { NativeSessionInfo, NativeSignature, NativeValueInfo } from '../addon/native';

/** real = scale × (quantised − zeroPoint). One entry for the tensor, or one per index of `axis`. */
export interface Quantization {
  readonly scale: readonly number[];
  readonly zeroPoint: readonly number[];
  /** The dimension that each entry belongs to; left out for per-tensor quantisation. */
  readonly axis?: number;
}

/** A tensor that goes into or comes out of a model. */
export interface TensorValueMetadata {
  readonly name: string;
  readonly isTensor: true;
  readonly type: ElementType;
  /**
   * A number for a fixed dimension, a string for a dynamic one: its symbolic
   * name, or '' if it has none. Empty for a scalar and for an unknown rank.
   */
  readonly shape: readonly (number | string)[];
  /** A feed may leave this input out. */
  readonly optional?: boolean;
  readonly quantization?: Quantization;
}

/** A sequence, map or other value of a model. */
export interface NonTensorValueMetadata {
  readonly name: string;
  readonly isTensor: false;
  readonly kind: 'sequence' | 'map' | 'other';
  readonly optional?: boolean;
}

/** One input or output of a model. */
export type ValueMetadata = TensorValueMetadata | NonTensorValueMetadata;

/** A named entry point of a model, with its own names of inputs and outputs. */
export interface SignatureMetadata {
  readonly inputs: readonly ValueMetadata[];
  readonly outputs: readonly ValueMetadata[];
}

/** What a model says of itself. */
export interface ModelMetadata {
  readonly producer: string;
  readonly graphName: string;
  readonly domain: string;
  readonly description: string;
  readonly version: bigint;
  readonly custom: Readonly<Record<string, string>>;
}

/** What a session says of its model. */
export interface SessionMetadata {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  readonly overridableInitializers: readonly ValueMetadata[];
  readonly signatures: Readonly<Record<string, SignatureMetadata>>;
  readonly modelMetadata: ModelMetadata;
}

/** @param others - the signatures but the primary one */
export function sessionMetadata(
  primary: NativeSignature,
  others: readonly NativeSignature[],
  metadata: NativeSessionInfo['metadata'],
): SessionMetadata {
  const inputs = primary.inputs.filter((input) => !input.overridableInitializer);
  const initializers = primary.inputs.filter((input) => input.overridableInitializer);
  // No prototype: the model chooses the keys.
  const signatures = Object.create(null) as Record<string, SignatureMetadata>;
  for (const signature of others) signatures[signature.key] = signatureMetadata(signature);
  return {
    inputMetadata: inputs.map(valueMetadata),
    overridableInitializers: initializers.map(valueMetadata),
    outputMetadata: primary.outputs.map(valueMetadata),
    signatures,
    modelMetadata: modelMetadata(metadata),
  };
}

function valueMetadata(info: NativeValueInfo): ValueMetadata {
  const optional = info.optional ? { optional: true } : {};
  const type = elementTypeOfCode(info.type);
  if (info.kind !== 'tensor' || type === undefined) {
    const kind = info.kind === 'tensor' ? 'other' : info.kind;
    return { name: info.name, isTensor: false, kind, ...optional };
  }
  return {
    name: info.name,
    isTensor: true,
    type: type.name,
    shape: info.dims.map((dim, axis) => (dim < 0 ? (info.symbols[axis] ?? '') : dim)),
    ...optional,
    ...(info.quantization === undefined ? {} : { quantization: info.quantization }),
  };
}

function signatureMetadata(signature: NativeSignature): SignatureMetadata {
  return {
    inputs: signature.inputs.map(valueMetadata),
    outputs: signature.outputs.map(valueMetadata),
  };
}

function modelMetadata(metadata: NativeSessionInfo['metadata']): ModelMetadata {
  // No prototype: the model chooses the keys.
  const custom = Object.create(null) as Record<string, string>;
  for (const [key, value] of metadata.custom) custom[key] = value;
  return { ...metadata, custom };
}

import { elementTypeOfCode, type ElementTypeInfo, type NumericData } from '../tensor/element-type';
import { invalidArgument } from '../../errors';
import {
  memoryKind,
  type NativeSignature,
  type NativeTensors,
  type NativeValueInfo,
} from '../addon/native';

/** What a run of one signature needs, prepared once. */
export interface SignaturePlan {
  /** The signature's position in the native session. */
  readonly index: number;
  readonly inputs: readonly NativeValueInfo[];
  readonly outputs: readonly OutputPlan[];
  readonly inputIndex: ReadonlyMap<string, number>;
  readonly outputIndex: ReadonlyMap<string, number>;
  /** What a run that does not choose asks for: every output. */
  readonly everything: RequestedOutputs;
  /** The same for the addon, every output an ArrayBuffer of its own. */
  readonly encodedEverything: NativeTensors;
}

/** An output, and what is known of its memory before a run. */
export interface OutputPlan extends NativeValueInfo {
  /** Undefined for strings and for what is not a tensor. */
  readonly elementType: (ElementTypeInfo & { readonly array: NumericArray }) | undefined;
  /** Whether the shape is declared in full, until a run has made another one. */
  isFixed: boolean;
}

type NumericArray = new (buffer: ArrayBufferLike) => NumericData;

/** The outputs of one run. */
export interface RequestedOutputs {
  /** Positions in the signature's outputs. */
  readonly indexes: readonly number[];
  /** The caller's tensors that results are written to, or null, at the same places. */
  readonly tensors: readonly unknown[] | undefined;
}

export function planSignature(signature: NativeSignature, index: number): SignaturePlan {
  const indexes = signature.outputs.map((_, output) => output);
  return {
    index,
    inputs: signature.inputs,
    outputs: signature.outputs.map(planOutput),
    inputIndex: indexByName(signature.inputs),
    outputIndex: indexByName(signature.outputs),
    everything: { indexes, tensors: undefined },
    encodedEverything: indexes.flatMap(encodeOutput),
  };
}

/** Plans of a model's signatures: of the primary one, and of the others by key. */
export function planSignatures(
  primary: NativeSignature,
  others: readonly NativeSignature[],
): { primary: SignaturePlan; others: Map<string, SignaturePlan> } {
  const byKey = others.map(
    (signature, index) => [signature.key, planSignature(signature, index + 1)] as const,
  );
  return { primary: planSignature(primary, 0), others: new Map(byKey) };
}

/** @throws OnliteError ERR_INVALID_ARGUMENT naming the signatures that there are. */
export function requireSignature(
  plans: ReadonlyMap<string, SignaturePlan>,
  signature: unknown,
): SignaturePlan {
  const plan = typeof signature === 'string' ? plans.get(signature) : undefined;
  if (plan !== undefined) return plan;
  throw invalidArgument('options.signature', listSignatures([...plans.keys()]), signature);
}

/** What a message says is expected. */
export function listSignatures(keys: readonly string[]): string {
  return keys.length === 0 ? 'none, the model has no signatures' : keys.join(', ');
}

function planOutput(info: NativeValueInfo): OutputPlan {
  const type = info.kind === 'tensor' ? elementTypeOfCode(info.type) : undefined;
  const isFixed =
    type?.array !== undefined && !info.unknownRank && info.dims.every((dim) => dim >= 0);
  const elementType = type?.array === undefined ? undefined : (type as OutputPlan['elementType']);
  return { ...info, elementType, isFixed };
}

/** An output that becomes an ArrayBuffer, as native code reads it. */
export function encodeOutput(index: number): NativeTensors {
  return [index, 0, [], null, memoryKind.ordinary];
}

function indexByName(values: readonly NativeValueInfo[]): Map<string, number> {
  return new Map(values.map((value, index) => [value.name, index]));
}

import type { NativeSignature, NativeTensors, NativeValueInfo } from './native';

/** What a run of one signature needs, prepared once. */
export interface SignaturePlan {
  /** The signature's position in the native session. */
  readonly index: number;
  readonly inputs: readonly NativeValueInfo[];
  readonly outputs: readonly NativeValueInfo[];
  readonly inputIndex: ReadonlyMap<string, number>;
  readonly outputIndex: ReadonlyMap<string, number>;
  /** What a run that does not choose asks for: every output. */
  readonly everything: RequestedOutputs;
}

/** The outputs of one run. */
export interface RequestedOutputs {
  readonly names: readonly string[];
  /** For the addon: [index, type, dims, memory, stable, …]. */
  readonly encoded: NativeTensors;
  /** The caller's tensors that results are written to, at the place of their name. */
  readonly tensors: readonly unknown[] | undefined;
}

export function planSignature(signature: NativeSignature, index: number): SignaturePlan {
  const names = signature.outputs.map((output) => output.name);
  return {
    index,
    inputs: signature.inputs,
    outputs: signature.outputs,
    inputIndex: indexByName(signature.inputs),
    outputIndex: indexByName(signature.outputs),
    everything: {
      names,
      encoded: names.flatMap((_, output) => encodeOutput(output)),
      tensors: undefined,
    },
  };
}

/** An output that the runtime allocates, as native code reads it. */
export function encodeOutput(index: number): NativeTensors {
  return [index, 0, [], null, false];
}

function indexByName(values: readonly NativeValueInfo[]): Map<string, number> {
  return new Map(values.map((value, index) => [value.name, index]));
}

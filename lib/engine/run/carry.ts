import { ownProperties } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import type { NativeBinding, NativeValueInfo } from '../addon/native';
import { elementType, type ElementType, type NumericData } from '../tensor/element-type';
import { Tensor } from '../tensor/tensor';
import { decodeValue } from '../tensor/values';
import { deviceTensor, type DeviceTensor } from './device-tensor';
import { nativeArray, type TensorLike } from './feeds';
import { hasDims } from './fetches';
import { encodeOutput, type SignaturePlan } from './signature-plan';

/** An output whose value is an input's in the next run. */
export interface Carried {
  readonly output: string;
  readonly input: string;
  readonly outputIndex: number;
  readonly inputIndex: number;
  /** The input's tensor, what it is at first. */
  initial: Tensor | undefined;
}

/**
 * Reads `options.carry` of a binding: inputs by the output that becomes them.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for unknown names, an input that is named twice, and types
 *   that do not fit; ERR_UNSUPPORTED for what has no memory of elements of a fixed size.
 */
export function parseCarry(plan: SignaturePlan, carry: unknown): Carried[] {
  if (carry === undefined) return [];
  const path = 'options.carry';
  if (typeof carry !== 'object' || carry === null || Array.isArray(carry)) {
    throw invalidArgument(path, 'an object of input names by output name', carry);
  }
  const taken = new Set<unknown>();
  return Object.entries(ownProperties(carry)).map(([output, input]) => {
    const outputIndex = plan.outputIndex.get(output);
    if (outputIndex === undefined) {
      throw invalidArgument(path, `keys of ${[...plan.outputIndex.keys()].join(', ')}`, output);
    }
    const where = `${path}.${output}`;
    const inputIndex = typeof input === 'string' ? plan.inputIndex.get(input) : undefined;
    if (inputIndex === undefined || taken.has(input)) {
      const free = [...plan.inputIndex.keys()].filter((name) => !taken.has(name));
      throw invalidArgument(where, `one of ${free.join(', ')}`, input);
    }
    taken.add(input);
    requireFit(where, plan.outputs[outputIndex], plan.inputs[inputIndex]);
    return { output, input: input as string, outputIndex, inputIndex, initial: undefined };
  });
}

function requireFit(
  where: string,
  output: (NativeValueInfo & { elementType?: unknown }) | undefined,
  input: NativeValueInfo | undefined,
): void {
  if (output?.elementType === undefined || input?.kind !== 'tensor') {
    throw new OnliteError('ERR_UNSUPPORTED', `${where}: only tensors of numbers can be carried`);
  }
  const isFixed = !output.unknownRank && !input.unknownRank;
  const fits =
    output.type === input.type &&
    (!isFixed ||
      (output.dims.length === input.dims.length &&
        output.dims.every(
          (dim, axis) => dim < 0 || (input.dims[axis] ?? 0) < 0 || dim === input.dims[axis],
        )));
  if (fits) return;
  const shape = ({ dims }: NativeValueInfo): string => `[${dims.join(', ')}]`;
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `${where}: expected the type and shape of inputs.${input.name}, ${shape(input)}; the output has ${
      output.type === input.type ? shape(output) : 'another type'
    }`,
  );
}

/** One value of {@link KeptState}. */
class Kept {
  /** Without an input where `carry` does not name the output. */
  readonly carried: Pick<Carried, 'output' | 'outputIndex'> & Partial<Carried>;
  /** The type of one that stays on the device, where the program copies it itself. */
  readonly deviceType: ElementType | undefined;
  /** Copies of what the last run has left and of what it has read, once somebody looked. */
  output: Tensor | undefined;
  input: Tensor | undefined;
  isFedBack = false;
  isShown = false;

  constructor(carried: Kept['carried'], deviceType?: ElementType) {
    this.carried = carried;
    this.deviceType = deviceType;
  }
}

/**
 * State of shapes that are not known before, such as a cache that grows, and outputs on a device:
 * they stay in the runtime's memory from run to run. A binding's outputs and inputs have the former
 * as properties that copy it when the program looks, the latter as {@link DeviceTensor}.
 */
export class KeptState {
  readonly #native: NativeBinding;
  readonly #inputs: object;
  readonly #outputs: object;
  readonly #all = new Map<string, Kept>();

  constructor(native: NativeBinding, inputs: object, outputs: object) {
    this.#native = native;
    this.#inputs = inputs;
    this.#outputs = outputs;
  }

  /** False if the output cannot be kept: it may be the memory of an input. */
  keep(carried: Carried): boolean {
    const isKept = this.#native.keep(carried.outputIndex);
    if (isKept) this.#all.set(carried.output, new Kept(carried));
    return isKept;
  }

  /** Has an output stay on the device, for an input or for none. */
  keepOnDevice(carried: Kept['carried'], type: ElementType): void {
    this.#native.setOutputs(encodeOutput(carried.outputIndex));
    this.#native.keep(carried.outputIndex, true);
    const kept = new Kept(carried, type);
    this.#all.set(carried.output, kept);
    this.#showOutput(kept);
  }

  /** @throws OnliteError ERR_UNSUPPORTED for state that only `copyToHost` can copy. */
  requireReadable(output: string): void {
    if (this.#all.get(output)?.deviceType === undefined) return;
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `outputs.${output}: carried state on a device stays there; bind anew`,
    );
  }

  /** A copy of the state that the output's input reads. */
  stateOf({ inputIndex }: Carried): Tensor {
    return this.#read(-1, inputIndex);
  }

  has(output: string): boolean {
    return this.#all.has(output);
  }

  /** Whether the input has become what a run left; else it is a tensor of the program's. */
  isFedBack(output: string): boolean {
    return this.#all.get(output)?.isFedBack === true;
  }

  /** A run has succeeded. */
  written(): void {
    for (const kept of this.#all.values()) {
      kept.output = undefined;
      if (!kept.isShown) this.#showOutput(kept);
    }
  }

  /** The native side has made an input of the output. */
  fedBack(output: string): void {
    const kept = this.#all.get(output);
    if (kept === undefined) return;
    const { input, inputIndex } = kept.carried;
    if (input === undefined || inputIndex === undefined) return;
    kept.input = kept.output;
    if (kept.isFedBack) return;
    kept.isFedBack = true;
    if (kept.deviceType !== undefined) {
      const tensor = deviceTensor(this.#native, kept.deviceType, -1, inputIndex);
      show(this.#inputs, input, () => tensor);
      return;
    }
    show(this.#inputs, input, () => (kept.input ??= this.#read(-1, inputIndex)));
  }

  /** The input is a tensor of the program's from now on; it becomes an ordinary property. */
  replaceInput(input: string): void {
    for (const kept of this.#all.values()) {
      if (kept.carried.input !== input || !kept.isFedBack) continue;
      kept.isFedBack = false;
      kept.input = undefined;
      hide(this.#inputs, input);
    }
  }

  /** So is the output, which the program has bound. */
  replaceOutput(output: string): void {
    if (this.#all.get(output)?.isShown === true) hide(this.#outputs, output);
    this.#all.delete(output);
  }

  #showOutput(kept: Kept): void {
    const { output, outputIndex } = kept.carried;
    kept.isShown = true;
    if (kept.deviceType !== undefined) {
      const tensor = deviceTensor(this.#native, kept.deviceType, outputIndex, -1);
      show(this.#outputs, output, () => tensor);
      return;
    }
    show(this.#outputs, output, () => (kept.output ??= this.#read(outputIndex, -1)));
  }

  #read(output: number, input: number): Tensor {
    return decodeValue(this.#native.read(output, input)) as Tensor;
  }
}

function show(record: object, name: string, get: () => Tensor | DeviceTensor): void {
  Object.defineProperty(record, name, { configurable: true, enumerable: true, get });
}

function hide(record: object, name: string): void {
  const value = { configurable: true, enumerable: true, writable: true, value: undefined };
  Object.defineProperty(record, name, value);
}

/** @throws OnliteError ERR_INVALID_ARGUMENT unless an output is of its input's shape */
export function requireSameDims({ input, output }: Carried, state: Tensor, target: Tensor): void {
  if (hasDims(target.dims, state.dims)) return;
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `options.carry.${output}: expected dims [${state.dims.join(', ')}] as of inputs.${input}, ` +
      `got [${target.dims.join(', ')}]`,
  );
}

export function clearElements(tensor: Tensor): void {
  const { buffer, byteOffset, byteLength } = tensor.data as NumericData;
  new Uint8Array(buffer, byteOffset, byteLength).fill(0);
}

/** Copies the elements as they lie in memory: float16 has arrays of two classes. */
export function copyElements(from: Tensor, to: Tensor): void {
  const bits = nativeArray(from.data as NumericData);
  nativeArray(to.data as NumericData).set(bits as never);
}

/** A tensor of the same numbers in ordinary memory. @throws OnliteError ERR_OUT_OF_MEMORY */
export function copyOfTensor({ type, data, dims }: TensorLike): Tensor {
  const bytes = new Tensor(type as ElementType, data as never, dims).toTransferable();
  const array = elementType(type)?.array as new (buffer: ArrayBuffer) => NumericData;
  return new Tensor(type as ElementType, new array(bytes) as never, dims) as Tensor;
}

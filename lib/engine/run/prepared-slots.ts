import { elementTypeOfCode, type ElementTypeInfo, type NumericData } from '../tensor/element-type';
import { nativeArray, type TensorLike } from './feeds';
import { fillFetch, isArrayOf, isTensorLike } from './fetches';
import { acquireFrom, type TensorPool } from '../tensor/pool/tensor-pool';
import type { NativeValueInfo } from '../addon/native';
import { Tensor, dataOf, isTensor } from '../tensor/tensor';

/** An input or output of a few bytes and a known shape. */
export interface Slot {
  readonly name: string;
  readonly type: ElementTypeInfo;
  readonly dims: readonly number[];
  readonly byteLength: number;
  /** Its tensors' data may be a Float16Array or the same elements' 16-bit patterns. */
  readonly isFloat16: boolean;
}

/** Undefined if a shape or length is not known. */
export function fixedSlots(values: readonly NativeValueInfo[]): Slot[] | undefined {
  const slots: Slot[] = [];
  for (const value of values) {
    const type = elementTypeOfCode(value.type);
    const { dims } = value;
    const isFixed = !value.unknownRank && dims.every((dim) => dim >= 0);
    // Packed types may have padding bits, and __proto__ needs care as a key.
    if (!isFixed || value.optional || type?.array === undefined || type.bits < 8) return undefined;
    if (value.name === '__proto__') return undefined;
    let size = 1;
    for (const dim of dims) size *= dim;
    const isFloat16 = type.name === 'float16' && type.array !== Uint16Array;
    slots.push({ name: value.name, type, dims, byteLength: (size * type.bits) / 8, isFloat16 });
  }
  return slots;
}

/**
 * The data of a tensor that is exactly what the model declares, of our own or of
 * onnxruntime-common. May run a getter.
 */
export function matchingData(value: unknown, slot: Slot): NumericData | undefined {
  const isOurs = isTensor(value);
  if (!isOurs && !isForeignTensor(value)) return undefined;
  const { type } = value;
  const dims: unknown = value.dims;
  if (type !== slot.type.name || !Array.isArray(dims)) return undefined;
  if (dims.length !== slot.dims.length) return undefined;
  for (let axis = 0; axis < dims.length; axis++) {
    if (dims[axis] !== slot.dims[axis]) return undefined;
  }
  if (isOurs) {
    const data = dataOf(value) as NumericData | undefined;
    return data !== undefined && hasBytes(data, slot) ? data : undefined;
  }
  const { data } = value;
  return isArrayOf(slot.type, data) && hasBytes(data, slot) ? data : undefined;
}

function isForeignTensor(value: unknown): value is TensorLike {
  return isTensorLike(value) && (value as { location?: unknown }).location === 'cpu';
}

/** Not if its buffer was detached or resized; `length` does not always tell, see lengthOf. */
export function hasBytes(data: NumericData, slot: Slot): boolean {
  return data.byteLength === slot.byteLength;
}

/** The elements as they lie in memory: what is copied is never converted. */
export function bitsOf(data: NumericData, slot: Slot): NumericData {
  return slot.isFloat16 ? nativeArray(data) : data;
}

/** A copy of a kept view's elements, as a tensor's data. */
export function copyOf(view: NumericData, { isFloat16, type }: Slot): NumericData {
  const copy = view.slice();
  return isFloat16 && type.array !== undefined ? new type.array(copy.buffer) : copy;
}

/** Whether an array has memory in common with none of the others, as far as JavaScript can tell. */
export function isApart(data: NumericData, others: readonly NumericData[]): boolean {
  // Read once: it is not quick.
  const { buffer } = data;
  // Several SharedArrayBuffers can be of the same memory.
  if (!(buffer instanceof ArrayBuffer)) return false;
  for (const other of others) {
    if (other.buffer !== buffer) continue;
    const isBefore = data.byteOffset + data.byteLength <= other.byteOffset;
    if (!isBefore && other.byteOffset + other.byteLength > data.byteOffset) return false;
  }
  return true;
}

/** A result in the kept memory, where the caller wants it. */
export function declared(
  slot: Slot,
  given: unknown,
  view: NumericData | undefined,
  pool: TensorPool | undefined,
): Tensor {
  if (view === undefined) throw new RangeError('outputs: index');
  if (given !== null) return fill(slot, given as Tensor, view);
  if (pool === undefined) return Tensor.fromTrusted(slot.type, copyOf(view, slot), [...slot.dims]);
  const tensor = acquireFrom(pool, slot.type, slot.dims);
  bitsOf(dataOf(tensor) as NumericData, slot).set(view as never);
  return tensor;
}

/** Writes a result into a tensor of the caller's that was exactly as declared before the run. */
function fill(slot: Slot, given: Tensor, view: NumericData): Tensor {
  const data = matchingData(given, slot);
  if (data !== undefined) {
    bitsOf(data, slot).set(view as never);
    return given;
  }
  // For the error that says what became of it.
  fillFetch(slot.name, given, {
    type: slot.type,
    dims: slot.dims,
    byteLength: view.byteLength,
    copyTo: (array) => {
      array.set(view as never);
    },
  });
  return given;
}

import { setOwn } from '../../checks';
import { dataLength, elementCount, type NumericData } from '../tensor/element-type';
import { OnliteError } from '../../errors';
import { hasDims, isArrayOf } from './fetches';
import { nativeArray } from './feeds';
import type { Held } from '../addon/jobs';
import { requireAccess, type RunLeases } from './leases';
import { newBuffer } from '../tensor/memory';
import { memoryKind, type NativeTensors, type NativeValue } from '../addon/native';
import { poolMemoryOf } from '../tensor/pool/lease';
import { acquireFrom, type TensorPool } from '../tensor/pool/tensor-pool';
import type { OutputPlan, RequestedOutputs, SignaturePlan } from './signature-plan';
import { Tensor, dataOf, isTensor } from '../tensor/tensor';
import { lengthOf, typedArrayName } from '../tensor/typed-array';
import { storeValue } from '../tensor/values';

/** Memory that an output may be written to, described for the addon. */
interface Memory {
  readonly array: NumericData;
  readonly dims: readonly number[];
  readonly kind: number;
}

interface Target {
  readonly plan: OutputPlan;
  /** The caller's tensor, or null. */
  readonly given: unknown;
  /** What the result becomes if it was written to the memory. */
  tensor: Tensor | undefined;
}

/** How the outputs of one run are made. */
export interface OutputOptions {
  readonly pool: TensorPool | undefined;
  /** Of an asynchronous run; undefined for a synchronous one. */
  readonly leases: RunLeases | undefined;
  /** A part of a batch is written to memory of its own only. */
  readonly batched: boolean;
}

/**
 * The outputs of one run: memory for them before it, the caller's values after
 * it. Where the shape is known the run writes straight into the array that the
 * caller gets, which nobody else can reach until then.
 *
 * Held by an asynchronous run's job, with the run's leases: tensors of a pool
 * that were not given to the caller go back to it when the native side has ended.
 */
export class RunOutputs implements Held {
  /** For the addon. */
  readonly encoded: NativeTensors = [];
  readonly #targets: Target[] = [];
  readonly #options: OutputOptions;
  #delivered = false;

  /** @throws OnliteError ERR_POOL_EXHAUSTED, or ERR_BUSY for a given tensor in use */
  constructor(plan: SignaturePlan, requested: RequestedOutputs, options: OutputOptions) {
    this.#options = options;
    const { indexes, tensors } = requested;
    try {
      for (let position = 0; position < indexes.length; position++) {
        this.#add(plan.outputs, indexes[position] ?? 0, tensors?.[position] ?? null);
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  #add(outputs: readonly OutputPlan[], index: number, given: unknown): void {
    const plan = outputs[index];
    if (plan === undefined) throw new RangeError('outputs: index');
    const target: Target = { plan, given, tensor: undefined };
    this.#targets[this.#targets.length] = target;
    const { pool, batched } = this.#options;
    let memory: Memory | undefined;
    if (given !== null) memory = this.#givenMemory(target, given);
    else if (!plan.isFixed || batched) memory = undefined;
    else if (pool !== undefined) memory = pooledMemory(target, pool);
    else memory = privateMemory(target);
    if (memory !== undefined && !batched) {
      const code = plan.elementType?.code ?? 0;
      this.encoded.push(index, code, memory.dims, nativeArray(memory.array), memory.kind);
      return;
    }
    const later = given === null ? undefined : givenArray(given);
    const isHeld = given !== null || pool !== undefined;
    if (later !== undefined) this.encoded.push(index, 0, [], later, memoryKind.filledLater);
    else this.encoded.push(index, 0, [], null, isHeld ? memoryKind.pooled : memoryKind.ordinary);
  }

  /** An asynchronous run writes only a pool's memory: ordinary arrays are filled afterwards. */
  #givenMemory({ plan }: Target, given: unknown): Memory | undefined {
    const path = `outputs.${plan.name}`;
    const { leases } = this.#options;
    if (leases === undefined) requireAccess(given, true, path);
    else leases.add(given, true, path);
    const pooled = poolMemoryOf(given);
    return leases === undefined || pooled?.stable === true
      ? writableMemory(plan, given, pooled)
      : undefined;
  }

  /** What lives as long as the run. */
  owner: object | undefined;

  /**
   * {@link decode} as a function without the session, which its runs must not keep.
   *
   * @param learn - told of the result
   */
  decoder(learn?: (result: Record<string, unknown>) => void): (values: unknown) => object {
    return (values) => {
      const result = this.decode(values as NativeValue[]);
      learn?.(result);
      return result;
    };
  }

  /** The caller's values. At most once. */
  decode(values: readonly NativeValue[]): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (let position = 0; position < this.#targets.length; position++) {
      const target = this.#targets[position];
      if (target === undefined) continue;
      const { name } = target.plan;
      setOwn(result, name, this.#valueOf(target, values[position]));
    }
    this.#delivered = true;
    return result;
  }

  #valueOf(target: Target, value: NativeValue | undefined): unknown {
    const { plan, given, tensor } = target;
    if (value === undefined) throw new OnliteError('ERR_RUN_FAILED', 'a result is missing');
    // Null: it was written to the memory.
    if (value === null) return given ?? tensor;
    if (plan.isFixed && (value[0] === 0 || value[0] === 4)) {
      plan.isFixed = hasDims(value[2], plan.dims);
    }
    const { pool } = this.#options;
    if (pool === undefined || given !== null) return storeValue(plan.name, value, given, undefined);
    if (tensor !== undefined && plan.isFixed) {
      return storeValue(plan.name, value, tensor, undefined);
    }
    tensor?.dispose();
    const stored = storeValue(plan.name, value, null, pool);
    target.tensor = isTensor(stored) ? stored : undefined;
    return stored;
  }

  /** The native side has ended, or did not begin. */
  release(): void {
    this.#options.leases?.release();
    if (this.#delivered || this.#options.pool === undefined) return;
    // eslint-disable-next-line @typescript-eslint/prefer-for-of -- the iterator may be replaced, and nobody would catch what it throws
    for (let position = 0; position < this.#targets.length; position++) {
      this.#targets[position]?.tensor?.dispose();
    }
  }
}

/** The memory that a result comes to after the run; undefined if there is none. */
function givenArray(given: unknown): NumericData | undefined {
  const data: unknown = poolMemoryOf(given)?.data ?? (given as { data: unknown }).data;
  if (typedArrayName(data) === undefined || (data as NumericData).byteLength === 0)
    return undefined;
  return nativeArray(data as NumericData);
}

/**
 * A new array that nobody has but the run, and the caller after it. Undefined where there is
 * no memory for what is declared: the model may make less, or else the run says so.
 */
function privateMemory(target: Target): Memory | undefined {
  const { elementType, dims } = target.plan;
  if (elementType === undefined) return undefined;
  const bytes =
    dataLength(elementType, elementCount(dims, 'dims')) * elementType.array.BYTES_PER_ELEMENT;
  let array: NumericData;
  try {
    array = new elementType.array(newBuffer(bytes));
  } catch {
    return undefined;
  }
  target.tensor = Tensor.fromTrusted(elementType, array, [...dims]);
  return { array, dims, kind: memoryKind.private };
}

function pooledMemory(target: Target, pool: TensorPool): Memory | undefined {
  const { elementType, dims } = target.plan;
  if (elementType === undefined) return undefined;
  target.tensor = acquireFrom(pool, elementType, dims);
  const stable = poolMemoryOf(target.tensor)?.stable === true;
  return {
    array: dataOf(target.tensor) as NumericData,
    dims,
    kind: stable ? memoryKind.pooled : memoryKind.ordinary,
  };
}

/** The caller's memory, if a result of the declared type and the tensor's shape fits there exactly. */
function writableMemory(
  { elementType, dims, unknownRank }: OutputPlan,
  given: unknown,
  pooled: { readonly data: NumericData; readonly stable: boolean } | undefined,
): Memory | undefined {
  const tensor = given as { type: unknown; dims: unknown; data: unknown };
  if (elementType === undefined || tensor.type !== elementType.name) return undefined;
  const shape: unknown = tensor.dims;
  if (!Array.isArray(shape) || unknownRank || shape.length !== dims.length) return undefined;
  const copy: number[] = [];
  let size = 1;
  for (let axis = 0; axis < dims.length; axis++) {
    const dim: unknown = shape[axis];
    const declared = dims[axis] ?? -1;
    if (typeof dim !== 'number' || !(dim >= 0) || (declared >= 0 && dim !== declared)) {
      return undefined;
    }
    copy.push(dim);
    size *= dim;
  }
  const data: unknown = pooled === undefined ? tensor.data : pooled.data;
  if (!Number.isSafeInteger(size) || !isArrayOf(elementType, data)) return undefined;
  if (lengthOf(data) !== dataLength(elementType, size)) return undefined;
  const kind = pooled?.stable === true ? memoryKind.pooled : memoryKind.ordinary;
  return { array: data, dims: copy, kind };
}

import { checkArray, checkOptions } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import type { NativeValueInfo } from '../addon/native';
import { maxRank } from '../tensor/element-type';
import { isTensorPool, type TensorPool } from '../tensor/pool/tensor-pool';
import type { Tensor } from '../tensor/tensor';
import type { DeviceLocation, DeviceTensor } from './device-tensor';
import type { TensorLike } from './feeds';

/** What {@link InferenceSession.bind} binds. */
export interface BindOptions {
  /** Tensors to read, by name. */
  inputs?: Readonly<Record<string, TensorLike>>;
  /**
   * Tensors to write, by name; `'dynamic'` has the runtime allocate a new one
   * at each run, for outputs whose shape is not known before. `{location: 'device'}` leaves the
   * output where the model has run, from where `carry` takes it and {@link DeviceTensor.copyToHost}
   * copies it: with a GPU's provider in the memory of the GPU. ERR_UNSUPPORTED for TensorFlow Lite.
   */
  outputs?: Readonly<Record<string, TensorLike | 'dynamic' | DeviceLocation>>;
  /**
   * Dynamic dimensions of the tensors that are left out above: sizes by symbolic
   * name, or whole shapes by tensor name.
   */
  dims?: Readonly<Record<string, number | readonly number[]>>;
  /**
   * State that is carried from run to run: inputs by the output whose value they take in the
   * next run, such as `{stateN: 'state'}` or `{'present.0.key': 'past_key_values.0.key'}`. What the
   * input is bound to is the state at first, zeros where it is left out, and is copied, not
   * written. Memory of one shape changes places (TensorFlow Lite: is copied), so look up `io.inputs` and `io.outputs` after
   * each run. An output of unknown shape, which may grow, stays in the runtime's memory:
   * `io.outputs.name` copies it when it is read, which throws ERR_BUSY while a run of the binding
   * is in flight. A run that fails leaves the state as it was. See {@link IoBinding.resetCarry}.
   */
  carry?: Readonly<Record<string, string>>;
  /**
   * Where the tensors that are left out come from, such as a pool of page-locked memory for CUDA
   * ({@link TensorPoolOptions.pinned}). They go back to it with {@link IoBinding.dispose}.
   */
  pool?: TensorPool;
  /** The signature whose inputs and outputs these are (TensorFlow Lite). */
  signature?: string;
}

const bindKeys: ReadonlySet<string> = new Set<keyof BindOptions>([
  'inputs',
  'outputs',
  'dims',
  'carry',
  'pool',
  'signature',
]);

/** @throws OnliteError ERR_INVALID_ARGUMENT naming the option */
export function checkBindOptions(value: unknown): BindOptions {
  const options = checkOptions(value, 'options', bindKeys);
  const pool = options['pool'];
  if (pool !== undefined && !isTensorPool(pool)) {
    throw invalidArgument('options.pool', 'a TensorPool', pool);
  }
  return options;
}

/** Bound tensors by name. */
export type Tensors = Readonly<Record<string, Tensor | DeviceTensor>>;

/** Where a binding's own tensors come from and go to. */
export interface TensorSource {
  acquire(type: Tensor.CpuPinnedDataTypes, dims: readonly number[]): Tensor;
}

export function own<Value>(
  record: Readonly<Record<string, Value>>,
  name: string,
): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Whether a fixed dim has another size in an input than the model declares. */
export function isOtherShape(tensor: Tensor | undefined, { dims }: NativeValueInfo): boolean {
  if (tensor === undefined) return false;
  return dims.some((dim, axis) => dim >= 0 && dim !== tensor.dims[axis]);
}

export function requireRecord(record: unknown, path: string): void {
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) return;
  throw invalidArgument(path, 'an object by name', record);
}

export function checkNames(record: object, index: ReadonlyMap<string, number>, list: string): void {
  for (const name of Object.keys(record)) indexOf(index, name, list);
}

export function indexOf(index: ReadonlyMap<string, number>, name: string, list: string): number {
  const found = index.get(name);
  if (found === undefined) {
    throw invalidArgument(list, `one of ${[...index.keys()].join(', ')}`, name);
  }
  return found;
}

/** A value's shape with its dynamic dims filled in; undefined if some are not known. */
export function resolveShape(
  info: NativeValueInfo,
  dims: Readonly<Record<string, number | readonly number[]>>,
): number[] | undefined {
  const whole = own(dims, info.name);
  if (Array.isArray(whole))
    return checkArray(whole, `options.dims.${info.name}`, maxRank) as number[];
  if (info.unknownRank) return undefined;
  const shape: number[] = [];
  for (const [axis, dim] of info.dims.entries()) {
    const symbol = info.symbols[axis] ?? '';
    const size = dim >= 0 ? dim : symbol === '' ? undefined : own(dims, symbol);
    if (typeof size !== 'number') return undefined;
    shape.push(size);
  }
  return shape;
}

export function requireBindable(info: NativeValueInfo | undefined): void {
  if (info?.kind !== 'sequence' || info.optional) return;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `inputs.${info.name}: a sequence cannot be bound, only tensors can; use run or runSync`,
  );
}

export function unknownShape(info: NativeValueInfo): OnliteError {
  const symbols = info.symbols.filter((symbol) => symbol !== '').join(', ');
  return new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `inputs.${info.name}: expected a tensor, or its shape in dims` +
      (symbols === '' ? ` as {'${info.name}': […]}` : ` (${symbols})`),
  );
}

import { OnliteError } from '../../errors';
import { promiseJob } from '../addon/jobs';
import type { NativeBinding, NativeValue, NativeValueInfo } from '../addon/native';
import { elementTypeOfCode, type ElementType } from '../tensor/element-type';
import type { Tensor } from '../tensor/tensor';
import { decodeValue } from '../tensor/values';

/** Asks for an output to stay where the model has run; see {@link BindOptions.outputs}. */
export interface DeviceLocation {
  readonly location: 'device';
}

/**
 * An output that was bound with `{location: 'device'}`, or an input that `carry` has made of one.
 * It stands for what the last run has left there, not for that of one run.
 */
export interface DeviceTensor extends DeviceLocation {
  readonly type: ElementType;
  /**
   * Copies the elements to a tensor in ordinary memory, off the event loop. The binding is busy
   * until then.
   *
   * @throws OnliteError ERR_BUSY while the binding runs or copies; ERR_INVALID_ARGUMENT if no run has
   *   succeeded yet; ERR_SESSION_RELEASED.
   */
  copyToHost(): Promise<Tensor>;
}

export function isDeviceLocation(value: unknown): value is DeviceLocation {
  if (typeof value !== 'object' || value === null) return false;
  return (value as { location?: unknown }).location === 'device' && !('data' in value);
}

/**
 * The type of an output that is to stay on a device.
 *
 * @throws OnliteError ERR_UNSUPPORTED for what has no elements of a fixed size.
 */
export function requireOnDevice(info: NativeValueInfo): ElementType {
  const type = info.kind === 'tensor' ? elementTypeOfCode(info.type) : undefined;
  if (type?.array !== undefined) return type.name;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `outputs.${info.name}: only tensors of numbers can stay on a device`,
  );
}

/** @param output - its index, or -1 for the input of the other one */
export function deviceTensor(
  binding: NativeBinding,
  type: ElementType,
  output: number,
  input: number,
): DeviceTensor {
  return Object.freeze({
    location: 'device' as const,
    type,
    async copyToHost() {
      const { result } = promiseJob<NativeValue>((id) => {
        binding.copyToHost(id, output, input);
      });
      return decodeValue(await result) as Tensor;
    },
  });
}

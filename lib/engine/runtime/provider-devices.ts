import { basename, isAbsolute } from 'node:path';

import { unpackedPath } from '../../asar';
import { checkOptions, checkString, optionalString } from '../../checks';
import { invalidArgument } from '../../errors';
import { absolutePath } from '../../files';
import { promiseJob } from '../addon/jobs';
import { native, type NativeProviderDevice } from '../addon/native';
import { knownCandidates, withRemedy } from './runtime-locations';

/** A device that an execution provider of ONNX Runtime can use. */
export interface ProviderDevice {
  /** The provider's name in `executionProviders`. */
  readonly provider: string;
  readonly type: 'cpu' | 'gpu' | 'npu';
  /** Who made the device. */
  readonly vendor: string;
  /** The vendor's and the model's numbers as PCI has them; 0 where the provider does not tell. */
  readonly vendorId: number;
  readonly deviceId: number;
  /** What else the provider and ONNX Runtime tell of it; the keys are theirs. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Its place in `runtimeInfo().runtimes.onnxruntime.devices`, which it keeps. */
  readonly index: number;
}

const keys = new Set(['name']);

/**
 * Adds a library with an execution provider (a plugin, as onnxruntime-ep-webgpu and others are) to ONNX
 * Runtime, for all sessions of the process and for as long as it lives. The provider is then asked for by
 * its name in `executionProviders`. The same file once more does nothing, whatever the name.
 *
 * @param path - the library's file
 * @param options - `name`: what ONNX Runtime calls the library; by default its file's name
 * @returns the devices of all providers, the library's among them. One that finds no device it can use
 *   lists none.
 * @throws OnliteError ERR_PROVIDER_UNAVAILABLE if it is no such library or cannot be loaded;
 *   ERR_UNSUPPORTED where ONNX Runtime is older than 1.22; ERR_INVALID_ARGUMENT if the name is
 *   another library's; ERR_RUNTIME_NOT_FOUND without ONNX Runtime.
 */
export async function registerProviderLibrary(
  path: string,
  options?: { readonly name?: string },
): Promise<ProviderDevice[]> {
  const file = unpackedPath(absolutePath(checkString(path, 'path')));
  // Never looked for where the system looks for libraries.
  if (path === '' || !isAbsolute(file)) throw invalidArgument('path', "a library's file", path);
  const given = optionalString(checkOptions(options, 'options', keys), 'name', 'options');
  if (given === '') throw invalidArgument('options.name', 'a name', given);
  const candidates = knownCandidates('onnxruntime');
  try {
    await promiseJob((id) => {
      native().registerProviderLibrary(id, given ?? basename(file), file, candidates);
    }).result;
  } catch (error) {
    throw withRemedy(error);
  }
  return providerDevices(native().describeRuntime('onnxruntime').devices);
}

export function providerDevices(devices: readonly NativeProviderDevice[]): ProviderDevice[] {
  return devices.map(({ metadata, ...device }, index) => ({
    ...device,
    metadata: Object.fromEntries(metadata),
    index,
  }));
}

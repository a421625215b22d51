import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, win32 } from 'node:path';

import { checkArray, checkString, ownProperties } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { absolutePath, isMissing } from '../../files';
import { native } from '../addon/native';
import { providerDevices, registerProviderLibrary, type ProviderDevice } from './provider-devices';
import { chooseLibrary } from './runtime-locations';

/** What `onlite install` writes beside a provider's files; paths are relative to its folder. */
export interface InstalledProvider {
  readonly name: string;
  readonly version: string;
  /** A library that is added to ONNX Runtime, or an ONNX Runtime of its own with the provider. */
  readonly kind: 'plugin' | 'runtime';
  readonly library: string;
  /** Libraries that are loaded before it, in this order. */
  readonly dependencies: readonly string[];
}

/** The manifest's file in a provider's folder. */
export const manifestFile = 'provider.json';

const maxDependencies = 256;
const installableName = /^[a-z0-9-]+$/;

/**
 * Where `onlite install` puts providers, in the {@link dataFolder}.
 *
 * @throws OnliteError ERR_UNSUPPORTED as that says
 */
export function providersFolder(): string {
  return join(dataFolder(), 'providers');
}

/**
 * Where onlite keeps what a user has had it fetch: ONLITE_DATA_PATH, else the system's place for a
 * user's data.
 *
 * @throws OnliteError ERR_UNSUPPORTED for a user who has no home, if ONLITE_DATA_PATH is not set.
 */
export function dataFolder(): string {
  const given = environmentVariable('ONLITE_DATA_PATH');
  if (given !== undefined) return absolutePath(given);
  switch (process.platform) {
    case 'win32':
      return join(
        environmentVariable('LOCALAPPDATA') ?? join(home(), 'AppData', 'Local'),
        'onlite',
      );
    case 'darwin':
      return join(home(), 'Library', 'Application Support', 'onlite');
    default: {
      const data = environmentVariable('XDG_DATA_HOME');
      // The XDG Base Directory Specification has relative paths ignored.
      const isUsable = data !== undefined && isAbsolute(data);
      return join(isUsable ? data : join(home(), '.local', 'share'), 'onlite');
    }
  }
}

/** Undefined where it is not set, or empty, which means the same. */
function environmentVariable(name: string): string | undefined {
  // A polluted Object.prototype is no environment.
  const value = Object.hasOwn(process.env, name) ? process.env[name] : undefined;
  return value === '' ? undefined : value;
}

function home(): string {
  try {
    return homedir();
  } catch (cause) {
    // A container's user of any number, without HOME.
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'this user has no home folder for the data of onlite; set ONLITE_DATA_PATH',
      { cause },
    );
  }
}

/**
 * What is installed under a name.
 *
 * @returns undefined if nothing is.
 * @throws OnliteError ERR_PROVIDER_UNAVAILABLE if its manifest is none or cannot be read.
 */
export function installedProvider(name: string): InstalledProvider | undefined {
  const file = join(providersFolder(), name, manifestFile);
  try {
    const manifest = ownProperties(JSON.parse(readFileSync(file, 'utf8')) as object);
    const { version, kind, library, dependencies } = manifest;
    if (kind !== 'plugin' && kind !== 'runtime') throw new Error('it is of no known kind');
    return {
      name,
      version: checkString(version, 'version'),
      kind,
      library: pathInside(library, 'library'),
      dependencies: checkArray(dependencies, 'dependencies', maxDependencies).map((path, index) =>
        pathInside(path, `dependencies[${index}]`),
      ),
    };
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new OnliteError(
      'ERR_PROVIDER_UNAVAILABLE',
      `cannot use what ${file} describes; \`npx onlite install ${name} --force\` writes it anew`,
      { cause },
    );
  }
}

/** A relative path that does not leave the folder it is relative to. */
function pathInside(value: unknown, path: string): string {
  const file = checkString(value, path);
  const parts = file.split(/[/\\]/);
  // That of every system: `C:x` is a path on another drive.
  if (file === '' || parts.includes('..') || win32.parse(file).root !== '') {
    throw invalidArgument(path, "a file in the provider's folder", value);
  }
  return file;
}

/**
 * Has ONNX Runtime use an execution provider that `npx onlite install` has brought, for all sessions of the
 * process: `'openvino'` and `'webgpu'` are added to the library that is used anyway; with `'cuda'` comes
 * a library of its own, so that this must be called before anything else loads ONNX Runtime.
 *
 * @returns the devices of all providers.
 * @throws OnliteError ERR_PROVIDER_UNAVAILABLE if it is not installed, or cannot be loaded;
 *   ERR_UNSUPPORTED if another ONNX Runtime is loaded already, or it is too old for plugins.
 */
export async function useProvider(name: string): Promise<ProviderDevice[]> {
  if (!installableName.test(checkString(name, 'name'))) {
    throw invalidArgument('name', 'the name of a provider, as `onlite install` has it', name);
  }
  const provider = installedProvider(name);
  if (provider === undefined) {
    throw new OnliteError(
      'ERR_PROVIDER_UNAVAILABLE',
      `the provider '${name}' is not installed in ${providersFolder()}; \`npx onlite install ${name}\` does that`,
    );
  }
  const [library = '', ...dependencies] = [provider.library, ...provider.dependencies].map((path) =>
    join(providersFolder(), name, path),
  );
  if (provider.kind === 'plugin') return registerProviderLibrary(library, { name });
  useRuntime(name, library, dependencies);
  if (name === 'cuda') await listCudaDevices(library);
  return providerDevices(native().describeRuntime('onnxruntime').devices);
}

/**
 * Does as {@link useProvider} with those of the providers that are installed, for a command whose user has
 * named them. Of the others it is the session that says whether ONNX Runtime has them built in; an ONNX
 * Runtime that ONLITE_ORT_PATH names stays the one in use.
 *
 * @param names in order of preference: as with a session's, one that cannot be used is an error if
 *   none follows.
 */
export async function useInstalledProviders(names: readonly string[]): Promise<void> {
  for (const [index, given] of names.entries()) {
    // The library that CUDA comes with has TensorRT's provider, too.
    const name = given === 'tensorrt' ? 'cuda' : given;
    try {
      if (isForUse(name)) await useProvider(name);
    } catch (error) {
      if (index === names.length - 1) throw error;
    }
  }
}

function isForUse(name: string): boolean {
  if (!installableName.test(name) || !hasDataFolder()) return false;
  const provider = installedProvider(name);
  if (provider === undefined) return false;
  return provider.kind === 'plugin' || environmentVariable('ONLITE_ORT_PATH') === undefined;
}

/** Where there can be none, nothing is installed. */
function hasDataFolder(): boolean {
  try {
    return dataFolder() !== '';
  } catch {
    return false;
  }
}

/** Has ONNX Runtime list the devices of its own provider, as it does with a plugin's. */
async function listCudaDevices(runtime: string): Promise<void> {
  const windows = process.platform === 'win32';
  const file = windows ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so';
  const options = { name: 'CUDAExecutionProvider' };
  // Where there is no driver, it is the sessions that say so.
  await registerProviderLibrary(join(dirname(runtime), file), options).catch(() => undefined);
}

function useRuntime(name: string, library: string, dependencies: readonly string[]): void {
  const origin = `onlite install ${name}`;
  try {
    // Does nothing where an ONNX Runtime is loaded.
    native().loadRuntime('onnxruntime', [[library, origin, dependencies]]);
  } catch (cause) {
    const why = cause instanceof OnliteError && cause.cause instanceof Error ? cause.cause : cause;
    throw new OnliteError('ERR_PROVIDER_UNAVAILABLE', `cannot load the provider '${name}'`, {
      cause: why,
    });
  }
  const { path } = native().describeRuntime('onnxruntime');
  if (path !== library) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `the provider '${name}' has an ONNX Runtime of its own, and a process can have one: ${path} ` +
        'is loaded already; call useProvider before anything else',
    );
  }
  chooseLibrary('onnxruntime', [library, origin]);
}

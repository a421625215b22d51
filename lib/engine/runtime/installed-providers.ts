import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { checkString, ownProperties } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { isMissing } from '../../files';
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

/** Where `onlite install` puts providers: ONLITE_DATA_PATH, else the system's place for a user's data. */
export function providersFolder(): string {
  return join(dataFolder(), 'providers');
}

function dataFolder(): string {
  const given = process.env['ONLITE_DATA_PATH'];
  if (given !== undefined && given !== '') return given;
  const home = homedir();
  switch (process.platform) {
    case 'win32':
      return join(process.env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'onlite');
    case 'darwin':
      return join(home, 'Library', 'Application Support', 'onlite');
    default:
      return join(process.env['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'onlite');
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
    const paths = [library, ...(dependencies as unknown[])];
    const [main = '', ...others] = paths.map((path) => checkString(path, 'a path'));
    return { name, version: String(version), kind, library: main, dependencies: others };
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new OnliteError(
      'ERR_PROVIDER_UNAVAILABLE',
      `cannot use what ${file} describes; \`npx onlite install ${name} --force\` writes it anew`,
      { cause },
    );
  }
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
  if (!/^[a-z0-9-]+$/.test(checkString(name, 'name'))) {
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
  return providerDevices(native().describeRuntime('onnxruntime').devices);
}

function useRuntime(name: string, library: string, dependencies: readonly string[]): void {
  const { loaded, path } = native().describeRuntime('onnxruntime');
  if (loaded && path !== library) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `the provider '${name}' has an ONNX Runtime of its own, and a process can have one: ${path} ` +
        'is loaded already; call useProvider before anything else',
    );
  }
  try {
    native().loadRuntime('onnxruntime', [[library, `onlite install ${name}`, dependencies]]);
  } catch (cause) {
    const why = cause instanceof OnliteError && cause.cause instanceof Error ? cause.cause : cause;
    throw new OnliteError('ERR_PROVIDER_UNAVAILABLE', `cannot load the provider '${name}'`, {
      cause: why,
    });
  }
  chooseLibrary('onnxruntime', [library, `onlite install ${name}`]);
}

import { packageVersion } from '../../package';
import { checkOptions, optionalBoolean } from '../../checks';
import { OnliteError } from '../../errors';
import {
  addonPath,
  native,
  threadCount,
  type Engine,
  type LibraryCandidate,
} from '../addon/native';
import { providerDevices, type ProviderDevice } from './provider-devices';
import { libraryCandidates } from './runtime-locations';

/** A runtime library: what was loaded, or what was tried. */
export interface RuntimeDescription {
  readonly loaded: boolean;
  /** The library's file. */
  readonly path?: string;
  /** Why that file: an environment variable, a package, the `runtimes` folder. */
  readonly origin?: string;
  readonly version?: string;
  /** The execution providers or delegates it has. */
  readonly providers: readonly string[];
  /** What ONNX Runtime's providers can use, those of {@link registerProviderLibrary} included. */
  readonly devices: readonly ProviderDevice[];
  /** Whose threads work inside a run: 'global', 'per-session' or 'per-interpreter'. */
  readonly threadPools?: string;
  readonly tried: readonly { path: string; origin: string; error?: string }[];
}

/** What onlite is running on. */
export interface RuntimeInfo {
  /** This package's version. */
  readonly onlite: string;
  /** The addon's file. */
  readonly addon: string | undefined;
  readonly node: string;
  /** The Node-API version of the engine. */
  readonly napi: string | undefined;
  /** Native threads that asynchronous runs use. */
  readonly executorThreads: number;
  /**
   * Threads that are held by runs and loads which were cancelled or timed out and do not stop.
   * Up to 16 others stand in for them.
   */
  readonly lostThreads: number;
  readonly runtimes: Readonly<Record<Engine, RuntimeDescription>>;
}

const keys = new Set(['load']);

/**
 * Describes the addon and both runtimes.
 *
 * @param options - `load: true` opens the libraries that are not open yet;
 *   otherwise only those that a session has used are described.
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND only if the addon itself is missing.
 */
export function runtimeInfo(options?: { load?: boolean }): RuntimeInfo {
  const load = optionalBoolean(checkOptions(options, 'options', keys), 'load', 'options') ?? false;
  return {
    onlite: packageVersion,
    // Describing loads the addon, so its path is asked for afterwards.
    runtimes: { onnxruntime: describe('onnxruntime', load), tflite: describe('tflite', load) },
    addon: addonPath(),
    node: process.versions.node,
    napi: process.versions['napi'],
    executorThreads: threadCount,
    lostThreads: lostThreads(),
  };
}

function describe(engine: Engine, load: boolean): RuntimeDescription {
  if (load) {
    try {
      native().loadRuntime(engine, libraryCandidates(engine));
    } catch (error) {
      // What was tried is in the description.
      if (!(error instanceof OnliteError) || error.code !== 'ERR_RUNTIME_NOT_FOUND') throw error;
    }
  }
  const { loaded, providers, devices, tried, ...rest } = native().describeRuntime(engine);
  return {
    loaded,
    ...(loaded ? rest : {}),
    providers,
    devices: providerDevices(devices),
    tried: tried.map(({ path, origin, error }) =>
      error === '' ? { path, origin } : { path, origin, error },
    ),
  };
}

/**
 * Loads one library and describes it.
 *
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND if that is not possible.
 */
export function loadLibrary(engine: Engine, candidate: LibraryCandidate): RuntimeDescription {
  native().loadRuntime(engine, [candidate]);
  return describe(engine, false);
}

function lostThreads(): number {
  const [, lostToRuns = 0, , lostToLoads = 0] = native().executorThreads();
  return lostToRuns + lostToLoads;
}

/** Providers whose own libraries have to be there beside ONNX Runtime's. */
const unbundled: ReadonlySet<string> = new Set(['cuda', 'tensorrt']);

/**
 * The execution providers that ONNX Runtime has, as onnxruntime-node lists them.
 *
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND if the library cannot be loaded.
 */
export function listSupportedBackends(): { name: string; bundled: boolean }[] {
  native().loadRuntime('onnxruntime', libraryCandidates('onnxruntime'));
  const { providers } = native().describeRuntime('onnxruntime');
  // ONNX Runtime names the CPU last.
  return [...providers].reverse().map((name) => ({ name, bundled: !unbundled.has(name) }));
}

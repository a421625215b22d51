import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Engine, LibraryCandidate } from '../../engine/addon/native';
import type { ProviderDevice } from '../../engine/runtime/provider-devices';
import type { RuntimeDescription, RuntimeInfo } from '../../engine/runtime/runtime-info';
import { installedProvider } from '../../engine/runtime/installed-providers';
import { libraryCandidates } from '../../engine/runtime/runtime-locations';
import { distributions } from '../install/packages';
import { classify, type Failure } from './failures';
import { messagesOf } from './probe';
import { tryOut } from './trial';

/** A library that was tried. */
export interface Attempt {
  readonly path: string;
  readonly origin: string;
  readonly failure?: Failure;
}

/** A provider with a library of its own. */
export interface ProviderState {
  readonly name: string;
  readonly failure?: Failure;
}

/** A provider that `onlite install` has brought. */
export interface InstalledState extends ProviderState {
  readonly version?: string;
  /** Of all providers, once this one is used. */
  readonly devices: readonly ProviderDevice[];
}

export interface RuntimeState extends Omit<RuntimeDescription, 'tried'> {
  /** Every candidate; a session uses the first that has no failure. */
  readonly tried: readonly Attempt[];
  readonly ownLibraries: readonly ProviderState[];
}

export interface Examination {
  readonly addon: RuntimeInfo | Failure;
  /** Without an addon there are none. */
  readonly runtimes?: Readonly<Record<Engine, RuntimeState>>;
  readonly installedProviders?: readonly InstalledState[];
}

const providersWithLibraries = ['cuda', 'tensorrt', 'openvino', 'migraphx', 'qnn', 'vitisai'];

/** Those whose library is beside the runtime's: it names others too that it was built with. */
function withLibraries({ providers, path = '' }: RuntimeDescription): string[] {
  const folder = dirname(path);
  const files = (name: string): string[] => [
    `libonnxruntime_providers_${name}.so`,
    `onnxruntime_providers_${name}.dll`,
  ];
  return providersWithLibraries.filter(
    (name) =>
      providers.includes(name) && files(name).some((file) => existsSync(join(folder, file))),
  );
}

async function providerStates(
  engine: Engine,
  library: LibraryCandidate,
  runtime: RuntimeDescription,
): Promise<ProviderState[]> {
  const states: ProviderState[] = [];
  for (const name of withLibraries(runtime)) {
    const { failed } = await tryOut({ engine, library, provider: name });
    states.push({ name, ...(failed === undefined ? {} : { failure: classify(failed) }) });
  }
  return states;
}

async function examineRuntime(engine: Engine): Promise<RuntimeState> {
  const tried: Attempt[] = [];
  let loaded: RuntimeDescription | undefined;
  let ownLibraries: readonly ProviderState[] = [];
  for (const library of libraryCandidates(engine)) {
    const [path, origin] = library;
    const { runtime, failed = ['the library gave no description'] } = await tryOut({
      engine,
      library,
    });
    tried.push({ path, origin, ...(runtime ? {} : { failure: classify(failed) }) });
    if (runtime === undefined || loaded !== undefined) continue;
    loaded = runtime;
    ownLibraries = await providerStates(engine, library, runtime);
  }
  return { ...(loaded ?? { loaded: false, providers: [], devices: [] }), tried, ownLibraries };
}

async function examineInstalled(name: string): Promise<InstalledState[]> {
  try {
    const provider = installedProvider(name);
    if (provider === undefined) return [];
    const { version } = provider;
    const { runtime, failed = ['it gave no description'] } = await tryOut({ installed: name });
    const failure = runtime === undefined ? { failure: classify(failed) } : {};
    return [{ name, version, devices: runtime?.devices ?? [], ...failure }];
  } catch (error) {
    return [{ name, devices: [], failure: classify(messagesOf(error)) }];
  }
}

/** Loads the addon and every runtime library that is found, each in a process of its own. */
export async function examine(): Promise<Examination> {
  const { addon, failed = [] } = await tryOut({});
  if (addon === undefined) return { addon: classify(failed) };
  const [onnxruntime, tflite, ...installed] = await Promise.all([
    examineRuntime('onnxruntime'),
    examineRuntime('tflite'),
    ...Object.keys(distributions).map(examineInstalled),
  ]);
  return { addon, runtimes: { onnxruntime, tflite }, installedProviders: installed.flat() };
}

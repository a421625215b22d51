import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

import { unpackedPath } from '../../asar';
import { OnliteError, invalidArgument } from '../../errors';
import { isMissing } from '../../files';
import { isMusl } from '../addon/load';
import { type Engine, type LibraryCandidate } from '../addon/native';
import { packageRoot } from '../../package';
import { installedPackage, moduleFolders } from './package-folders';

/** How each engine's library is called on a platform, and by which variable it is overridden. */
const engines: Record<Engine, { variable: string; files: RegExp }> = {
  onnxruntime: {
    variable: 'ONLITE_ORT_PATH',
    files: /^(libonnxruntime\.so(\.\d+)*|libonnxruntime(\.\d+)*\.dylib|onnxruntime\.dll)$/,
  },
  tflite: {
    variable: 'ONLITE_TFLITE_PATH',
    files: /^(lib)?tensorflowlite_c\.(so|dylib|dll)$/,
  },
};

const target = `${process.platform}-${process.arch}`;

/** The package that has both libraries for this platform. */
export const runtimePackage = `@onlite/runtime-${target}`;

/** The environment variable that names an engine's library. */
export const libraryVariable = (engine: Engine): string => engines[engine].variable;

const configured = new Map<Engine, LibraryCandidate>();

/**
 * Names the library files to use, before the first session of the engine is
 * made; without effect on a runtime that is loaded already.
 *
 * @param paths - paths of the ONNX Runtime and TensorFlow Lite C libraries. A relative one
 *   is the file in the working directory of this call; a name without a folder is left
 *   to the system's search for libraries, which does not look there.
 * @throws OnliteError ERR_INVALID_ARGUMENT for an unknown engine or a path that is no string.
 */
export function configureRuntimes(paths: Partial<Record<Engine, string>>): void {
  if (typeof (paths as unknown) !== 'object' || (paths as unknown) === null) {
    throw invalidArgument('paths', 'an object of paths by engine', paths);
  }
  for (const [engine, path] of Object.entries(paths)) {
    if (!Object.hasOwn(engines, engine)) {
      throw invalidArgument('configureRuntimes', "'onnxruntime' or 'tflite'", engine);
    }
    if (typeof path !== 'string') throw invalidArgument(engine, 'a path', path);
    chooseLibrary(engine as Engine, [libraryPath(path), 'configureRuntimes']);
  }
}

/** Makes a library the only candidate for an engine. */
export function chooseLibrary(engine: Engine, library: LibraryCandidate): void {
  configured.set(engine, library);
}

/**
 * Where an engine's library may be, in order. A path that was asked for, by
 * {@link configureRuntimes} or the environment, is the only candidate: silently
 * using another library would hide a mistake.
 */
export function libraryCandidates(engine: Engine): readonly LibraryCandidate[] {
  return chosenLibrary(engine) ?? search(engine);
}

/** What {@link search} found. */
const found = new Map<Engine, readonly LibraryCandidate[]>();

/**
 * The same without searching again and again, which for each session would take some
 * hundred system calls on the event loop. See {@link withRemedy} for the exception.
 */
export function knownCandidates(engine: Engine): readonly LibraryCandidate[] {
  const chosen = chosenLibrary(engine);
  if (chosen !== undefined) return chosen;
  let candidates = found.get(engine);
  if (candidates === undefined) {
    const before = unread;
    candidates = search(engine);
    // Short of file descriptors, for example: that is no answer to be kept.
    if (unread === before) found.set(engine, candidates);
  }
  return candidates;
}

function chosenLibrary(engine: Engine): readonly LibraryCandidate[] | undefined {
  const { variable } = engines[engine];
  const library = configured.get(engine);
  if (library !== undefined) return [library];
  // A polluted Object.prototype is no environment.
  const environment = Object.hasOwn(process.env, variable) ? process.env[variable] : undefined;
  if (environment === undefined || environment === '') return undefined;
  let path = environmentPaths.get(environment);
  if (path === undefined) {
    path = libraryPath(environment);
    environmentPaths.set(environment, path);
  }
  return [[path, variable]];
}

/** The variables' values as they were understood first: the working directory may change. */
const environmentPaths = new Map<string, string>();

/** A bare name stays one: the system looks for it, and not in the working directory. */
function libraryPath(path: string): string {
  return path === '' || basename(path) === path ? path : unpackedPath(resolve(path));
}

function search(engine: Engine): readonly LibraryCandidate[] {
  const candidates: LibraryCandidate[] = [];
  for (const [folder, origin] of readable(() => folders(engine))) {
    const files = librariesIn(folder, engines[engine].files);
    for (const file of files) candidates.push([join(folder, file), origin]);
  }
  // Where there is no library, what was tried is the folder in which a checkout has it.
  if (candidates.length === 0) candidates.push(...readable(checkoutFolder));
  // No package brings a library for musl, and Alpine has one of ONNX Runtime.
  if (engine === 'onnxruntime' && isMusl()) candidates.push(['libonnxruntime.so.1', 'system']);
  return candidates;
}

/** None where this code is in a bundle. */
function checkoutFolder(): LibraryCandidate[] {
  const root = packageRoot();
  return root === undefined ? [] : [[join(root, 'runtimes', target), 'runtimes']];
}

function folders(engine: Engine): [folder: string, origin: string][] {
  const candidates: [string, string][] = [];
  const platformPackage = installedPackage(runtimePackage);
  if (platformPackage !== undefined) candidates.push([platformPackage, runtimePackage]);
  for (const [folder, origin] of checkoutFolder()) candidates.push([folder, origin]);
  const name = engine === 'onnxruntime' ? 'onnxruntime-node' : 'tfjs-tflite-node';
  const installed = installedPackage(name);
  if (installed !== undefined) {
    for (const folder of subfolders(
      join(installed, engine === 'onnxruntime' ? 'bin' : 'cc_deps'),
    )) {
      candidates.push([folder, name]);
    }
  }
  return candidates;
}

/** Folders below a peer package's binaries that are for this platform and architecture. */
function subfolders(root: string): string[] {
  const { platform, arch } = process;
  const names = [join(platform, arch), `${platform}_${arch === 'x64' ? 'amd64' : arch}`];
  if (platform === 'win32') names.push(`windows_${arch === 'x64' ? 'amd64' : arch}`);
  const roots = [root, ...listing(root).map((entry) => join(root, entry))];
  return roots.flatMap((parent) => names.map((name) => join(parent, name))).filter(existsSync);
}

function librariesIn(folder: string, files: RegExp): string[] {
  return listing(folder)
    .filter((name) => files.test(name))
    .sort();
}

/** How many folders and files that there are could not be read. */
let unread = 0;

function listing(folder: string): string[] {
  return readable(() => readdirSync(folder));
}

/** Nothing where the file system does not tell, which is counted unless it says that there is nothing. */
function readable<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (!isMissing(error)) unread++;
    return [];
  }
}

/** Why a library was not found and what to do, for messages. */
function runtimeRemedy(engine: Engine): string {
  const { variable } = engines[engine];
  if (isMusl()) {
    const system =
      engine === 'onnxruntime' ? "install the system's (Alpine: apk add onnxruntime); or " : '';
    return (
      `What to do: no package has this library for musl; ${system}use an image with glibc, or name a ` +
      `library that was built for musl to configureRuntimes or in ${variable}.`
    );
  }
  const other = platformPackages().find((name) => name !== runtimePackage);
  const why =
    other === undefined
      ? 'an installer leaves it out with --omit=optional or --no-optional'
      : `there is ${other}, so node_modules comes from another machine`;
  return (
    `What to do: install onlite here, so that ${runtimePackage} comes with it (${why}); ` +
    `or name the library's file to configureRuntimes or in ${variable}. In a checkout: npm run setup. ` +
    '`npx onlite doctor` names the cause.'
  );
}

/** The runtime packages of any platform that are installed. */
function platformPackages(): string[] {
  const [root] = readable(() => [packageRoot()]);
  if (root === undefined) return [];
  const scope = moduleFolders(root).map((folder) => join(folder, '@onlite'));
  const names = scope.flatMap(listing).filter((name) => name.startsWith('runtime-'));
  return names.map((name) => `@onlite/${name}`);
}

/**
 * Adds the remedy to a native ERR_RUNTIME_NOT_FOUND; that of an addon which is not found has its own. In
 * case it is followed, the next session looks for the libraries anew.
 */
export function withRemedy(error: unknown): unknown {
  if (!(error instanceof OnliteError) || error.code !== 'ERR_RUNTIME_NOT_FOUND') return error;
  found.clear();
  if (error.message.includes('\nWhat to do: ')) return error;
  const engine: Engine = /tensorflow|tflite/i.test(error.message) ? 'tflite' : 'onnxruntime';
  return new OnliteError(error.code, `${error.message}\n${runtimeRemedy(engine)}`, {
    cause: error.cause,
  });
}

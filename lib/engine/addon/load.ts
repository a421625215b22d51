import { existsSync } from 'node:fs';
import { join, resolve, toNamespacedPath } from 'node:path';

import { OnliteError, invalidArgument } from '../../errors';
import { unpackedPath } from '../../asar';
import { packageRoot, packageVersion } from '../../package';
import { interpreterOf, whyNotLoadable } from './binary-file';
import { whyChanged } from './published-files';

const variable = 'ONLITE_ADDON_PATH';

/** An addon's file and why it is that one. */
interface AddonFile {
  readonly file: string;
  readonly origin: string;
}

let configured: AddonFile | { readonly addon: object } | undefined;

/**
 * Names the native addon to use, before anything needs it: for a program that a bundler has made
 * one file of, or a single executable, beside which there is no `node_modules`. Without effect
 * once the addon is loaded.
 *
 * @param addon - the path of an `onlite.node`, a relative one in the working directory of this call;
 *   or what `require` gives for it, for instance of `onlite/addon/linux-x64`. That object can
 *   serve one copy of this package in each thread.
 * @throws OnliteError ERR_INVALID_ARGUMENT if it is neither.
 */
export function configureAddon(addon: string | object): void {
  if (typeof addon === 'string') {
    configured = { file: unpackedPath(resolve(addon)), origin: 'configureAddon' };
  } else if (typeof (addon as { initialise?: unknown } | null)?.initialise === 'function') {
    configured = { addon };
  } else {
    throw invalidArgument('addon', "the path of onlite's addon, or the addon", addon);
  }
}

/**
 * An instance of the addon that is this copy of the package's alone, and its file unless it was
 * handed in. There may be more of them in a thread: test runners evaluate the modules anew for
 * each test file, and two packages may bring one each. `require` would give all of them the first one's.
 *
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND that says what was tried and what to do.
 */
export function loadAddon(): { addon: object; file?: string } {
  if (configured !== undefined && 'addon' in configured) return configured;
  const found = configured ?? fromEnvironment() ?? ofThePackage();
  const { file } = found;
  try {
    const why = whyNotLoadable(file) ?? whyChanged(file);
    if (why !== undefined) throw new Error(why);
    const module = { exports: {} };
    process.dlopen(module, toNamespacedPath(file));
    return { addon: module.exports, file };
  } catch (cause) {
    throw cannotLoad(found, cause);
  }
}

/** The folder of this platform in `prebuilds`. */
export function addonPlatform(): string {
  const { platform, arch } = process;
  return `${platform}-${arch}${isMusl() ? '.musl' : ''}`;
}

let musl: boolean | undefined;

/** Whether Node runs on musl, which is found out once. */
export function isMusl(): boolean {
  musl ??= process.platform === 'linux' && startsOnMusl();
  return musl;
}

/**
 * Node's own file tells which C library starts it; a report, which takes longer than all else here,
 * tells if that cannot be read.
 */
function startsOnMusl(): boolean {
  try {
    const interpreter = interpreterOf(process.execPath);
    if (interpreter !== undefined) return interpreter.includes('ld-musl');
  } catch {
    // The permission model does not let everyone read it.
  }
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  // Otherwise it looks up the names of the hosts that there are connections to.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime === undefined;
}

function fromEnvironment(): AddonFile | undefined {
  const path = Object.hasOwn(process.env, variable) ? process.env[variable] : undefined;
  return path === undefined ? undefined : { file: unpackedPath(resolve(path)), origin: variable };
}

/** What was built here, else what came with the package. */
function ofThePackage(): AddonFile {
  const root = packageRoot();
  if (root === undefined) {
    throw new OnliteError(
      'ERR_RUNTIME_NOT_FOUND',
      'onlite was bundled into a program, and there is no onlite ' +
        `${packageVersion} in a node_modules folder above that, with its native addon.\n` +
        'What to do: have the bundler leave onlite out (external) and install it beside the ' +
        'program; or put the addon beside the program and name it to configureAddon, and the ' +
        `libraries to configureRuntimes; or set ${variable}, ONLITE_ORT_PATH and ONLITE_TFLITE_PATH.`,
    );
  }
  if (existsSync(join(root, 'build'))) {
    try {
      return { file: nodeGypBuild().resolve(root), origin: 'build' };
    } catch {
      // Nothing was built there after all.
    }
  }
  return { file: join(root, 'prebuilds', addonPlatform(), 'onlite.node'), origin: 'prebuilds' };
}

function cannotLoad({ file, origin }: AddonFile, cause: unknown): OnliteError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OnliteError(
    'ERR_RUNTIME_NOT_FOUND',
    `cannot load onlite's native addon for ${addonPlatform()}, ${file} (${origin}): ${reason}\n` +
      `What to do: ${remedy(origin, cause)}`,
    { cause },
  );
}

function remedy(origin: string, cause: unknown): string {
  if (origin === variable || origin === 'configureAddon') {
    return `name the onlite.node of this platform to ${origin}, or none, so that the package's own is taken.`;
  }
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ERR_DLOPEN_DISABLED':
      return 'start Node without --no-addons, and with --allow-addons if it has --permission.';
    case 'ERR_ACCESS_DENIED':
      return "start Node with --allow-addons and --allow-fs-read for the package's folder.";
    case 'ENOENT':
      return (
        'if the package has been copied in part, install it again; if there is no addon for this ' +
        'platform, build it, with a C++20 compiler and Python: npm explore onlite -- npm run build'
      );
    default:
      return (
        'delete node_modules and install again on this machine; or build the addon here, with a ' +
        'C++20 compiler and Python: npm explore onlite -- npm run build'
      );
  }
}

/** Loaded when it is needed: where there was a build. */
function nodeGypBuild(): { resolve: (root: string) => string } {
  return require('node-gyp-build') as { resolve: (root: string) => string };
}

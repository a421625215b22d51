import { spawnSync } from 'node:child_process';

import { OnliteError } from '../../errors';

/** A Python that was found. */
export interface Python {
  /** Of its program. */
  readonly path: string;
  /** E.g. `3.11.7`. */
  readonly version: string;
  /** It can make virtual environments, and has pip for them. */
  readonly hasVenv: boolean;
}

const ASK = [
  'import json, sys, importlib.util as u',
  'v = all(u.find_spec(n) for n in ("venv", "ensurepip"))',
  'print(json.dumps([sys.executable, "%d.%d.%d" % sys.version_info[:3], v]))',
].join('\n');

const TIMEOUT_MS = 30_000;

/** What the Python of a command is; undefined where that is none. */
export function describePython(command: string, ...args: readonly string[]): Python | undefined {
  try {
    // Throws where Node's permissions let nothing be started.
    const { status, stdout } = spawnSync(command, [...args, '-I', '-c', ASK], {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (status !== 0) return undefined;
    const [path, version, hasVenv] = JSON.parse(stdout.trim()) as [unknown, unknown, unknown];
    if (typeof path !== 'string' || typeof version !== 'string') return undefined;
    return { path, version, hasVenv: hasVenv === true };
  } catch {
    // Something else that is called python.
    return undefined;
  }
}

/** `3.11` of `3.11.7`. */
export const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

function* commands(versions: readonly string[]): Generator<readonly [string, ...string[]]> {
  const isWindows = process.platform === 'win32';
  yield isWindows ? ['python'] : ['python3'];
  for (const version of [...versions].reverse()) {
    yield isWindows ? ['py', `-${version}`] : [`python${version}`];
  }
}

const remedy = (versions: string): string =>
  `install Python ${versions} (Debian: apt-get install python3 python3-venv; macOS: brew install ` +
  'python@3.12; Windows: winget install Python.Python.3.12), or name one that has the packages with ' +
  '--python';

/** Versions in words: `3.10 to 3.13`. */
const range = (versions: readonly string[]): string =>
  versions.length > 1
    ? `${versions[0] ?? ''} to ${versions.at(-1) ?? ''}`
    : (versions[0] ?? '3.10 or later');

/**
 * The Python that an environment is made with: what `python3` is if it is of one of the versions, else
 * the newest that has its version in its name.
 *
 * @param versions - e.g. `3.11`, the oldest first
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND if there is none; the message says what to install
 */
export function findPython(versions: readonly string[]): Python {
  const others: string[] = [];
  for (const [command, ...args] of commands(versions)) {
    const python = describePython(command, ...args);
    if (python === undefined) continue;
    const name = [command, ...args].join(' ');
    if (!versions.includes(minorOf(python.version))) others.push(`${name} is ${python.version}`);
    else if (!python.hasVenv) others.push(`${name} ${python.version} cannot make environments`);
    else return python;
  }
  const wanted = range(versions);
  const found = others.length === 0 ? 'there is no Python' : others.join('; ');
  throw new OnliteError(
    'ERR_RUNTIME_NOT_FOUND',
    `models are converted by programs in Python ${wanted}, which is needed for this alone: ${found}; ` +
      remedy(wanted),
  );
}

/**
 * A Python that somebody names.
 *
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND
 */
export function givenPython(path: string): Python {
  const python = describePython(path);
  if (python !== undefined) return python;
  throw new OnliteError('ERR_RUNTIME_NOT_FOUND', `python: '${path}' is no Python 3 that runs`);
}

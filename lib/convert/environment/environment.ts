import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { dataFolder } from '../../engine/runtime/installed-providers';
import { OnliteError } from '../../errors';
import { startChild } from '../child';
import { makeFolder, refused, removeFolder, removeLeftovers, workPrefix } from './folders';
import { convertersFolder, readLock, type EnvironmentName, type Lock } from './lock';
import { withProcessLock } from './process-lock';
import { findPython, type Python } from './python';

/** A converter's Python environment on this machine. */
export interface Environment {
  readonly name: EnvironmentName;
  /** Where it is, or would be. */
  readonly folder: string;
  /** Its Python; undefined where it has not been made. */
  readonly python?: string;
  /** Of what it takes to make one on this platform; undefined where there are no packages for it. */
  readonly downloadBytes?: number;
  /** Of its files; undefined where it has not been made. */
  readonly bytes?: number;
}

/** What is being done while an environment is made. */
export type EnvironmentStage = 'waiting' | 'creating' | 'installing';

/** How {@link makeEnvironment} makes one. */
export interface MakeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onStage?: ((stage: EnvironmentStage) => void) | undefined;
}

/** Written last: an environment without it is none. */
const MANIFEST = 'environment.json';

const platform = `${process.platform}-${process.arch}`;

/** Where environments are, beside the providers of `onlite install`. */
export const environmentsFolder = (): string => join(dataFolder(), 'converters');

/** A lock of other packages has an environment of its own. */
const folderOf = (name: EnvironmentName, { sha256 }: Lock): string =>
  join(environmentsFolder(), `${name}-${sha256.slice(0, 12)}`);

const programOf = (folder: string): string =>
  join(folder, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));

function manifestOf(folder: string): { readonly bytes?: number } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as { bytes?: number };
  } catch {
    return undefined;
  }
}

/** What is there of a converter's environment. */
export function environmentState(name: EnvironmentName): Environment {
  const lock = readLock(name);
  const folder = folderOf(name, lock);
  const bytes = lock.platforms.get(platform)?.bytes;
  const manifest = manifestOf(folder);
  const python = programOf(folder);
  return {
    name,
    folder,
    ...(bytes === undefined ? {} : { downloadBytes: bytes }),
    // A Python that has been removed from the system takes the environment's with it.
    ...(manifest !== undefined && existsSync(python)
      ? { python, ...(manifest.bytes === undefined ? {} : { bytes: manifest.bytes }) }
      : {}),
  };
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

/** For pip, where a user may have set for other uses what contradicts a virtual environment. */
function pipEnvironment(temporary: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^PYTHON|^VIRTUAL_ENV$/.test(name));
  return {
    ...Object.fromEntries(kept),
    PIP_USER: '0',
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    // The system's folder for temporary files may be smaller than the packages.
    TMPDIR: temporary,
    TEMP: temporary,
    TMP: temporary,
  };
}

/** Runs a module of a Python, which ends with this process: no `exit` is heard of a signal. */
async function run(
  python: string,
  args: readonly string[],
  doing: string,
  { temporary, signal }: { readonly temporary: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const env = pipEnvironment(temporary);
  // stdout is the program's that uses onlite; pip shows its progress, with sizes, on a terminal.
  const child = startChild(python, ['-I', join(convertersFolder(), 'tied.py'), ...args], {
    env,
    stdio: ['pipe', 2, 'inherit'],
    signal,
    what: 'making the environment',
  });
  const code = await child.ended;
  if (code === 0) return;
  throw new OnliteError(
    'ERR_RUN_FAILED',
    `${doing} failed (exit code ${String(code)}); what it said is above`,
  );
}

async function fill(
  folder: string,
  lock: Lock,
  python: Python,
  options: MakeOptions,
): Promise<void> {
  const { signal, onStage } = options;
  makeFolder(dirname(folder));
  const work = mkdtempSync(workPrefix(folder));
  try {
    const temporary = join(work, 'temporary');
    const made = join(work, 'environment');
    mkdirSync(temporary);
    onStage?.('creating');
    await run(python.path, ['venv', made], 'python -m venv', { temporary, signal });
    onStage?.('installing');
    const install = ['pip', 'install', '--no-deps', '--require-hashes', '--only-binary=:all:'];
    install.push('--requirement', lock.file);
    await run(programOf(made), install, 'pip install', { temporary, signal });
    const manifest = { lock: lock.sha256, python: python.version, bytes: await sizeOf(made) };
    await writeFile(join(made, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    // What is there is not whole, or its Python is gone.
    removeFolder(folder);
    renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Makes the environment of a converter, if it is not there: a virtual environment with the packages of
 * the lock, and no others. pip fetches them and takes none with another hash. It is made beside its
 * place and moved there, by one process at a time; afterwards nothing is fetched again.
 *
 * @returns its Python
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND where there is no Python to make it with, ERR_UNSUPPORTED
 *   where there are no packages for this platform, ERR_RUN_FAILED where pip or the file system fails,
 *   ERR_CANCELLED
 */
export async function makeEnvironment(
  name: EnvironmentName,
  options: MakeOptions = {},
): Promise<string> {
  const lock = readLock(name);
  const folder = folderOf(name, lock);
  const there = environmentState(name).python;
  if (there !== undefined) return there;
  const locked = lock.platforms.get(platform);
  if (locked === undefined) {
    const known = [...lock.platforms.keys()].join(', ');
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `the converter '${name}' has packages for ${known}, not for ${platform}; name a Python that ` +
        'has them with --python',
    );
  }
  const python = findPython(locked.pythons);
  const { signal, onStage } = options;
  try {
    makeFolder(dirname(folder));
    const waiting = { signal, onWait: () => onStage?.('waiting') };
    return await withProcessLock(
      `${folder}.lock`,
      async () => {
        // Another process has made it meanwhile.
        const made = environmentState(name).python;
        if (made !== undefined) return made;
        removeLeftovers(folder);
        await fill(folder, lock, python, options);
        return programOf(folder);
      },
      waiting,
    );
  } catch (error) {
    throw refused(`make the environment '${name}' in ${folder}`, error, 'ERR_RUN_FAILED');
  }
}

/** Whether a Python fits a lock's: for `onlite doctor`. */
export function pythonFor(name: EnvironmentName): Python | OnliteError {
  try {
    return findPython(readLock(name).platforms.get(platform)?.pythons ?? []);
  } catch (error) {
    if (error instanceof OnliteError) return error;
    throw error;
  }
}

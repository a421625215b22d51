import { spawn, spawnSync, type ChildProcess } from 'node:child_process';

import { abortError } from '../abort';
import { OnliteError } from '../errors';

/** How {@link startChild} starts a program. */
export interface ChildOptions {
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdio: ('ignore' | 'pipe' | 'inherit' | 2)[];
  /** Ends the program, and those that it has started. */
  readonly signal?: AbortSignal | undefined;
  /** What is cancelled, in messages. */
  readonly what: string;
}

/** A program that runs, and what it comes to. */
export interface Child {
  readonly process: ChildProcess;
  /**
   * The exit code; null where a signal has ended it.
   *
   * @throws OnliteError ERR_CANCELLED or ERR_TIMEOUT; ERR_RUN_FAILED where it cannot be started
   */
  readonly ended: Promise<number | null>;
  /** Ends it and the programs that it has started, at once. */
  readonly kill: () => void;
}

const isWindows = process.platform === 'win32';

/** Ends a process with all below it. */
function killTree(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (isWindows) spawnSync('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore' });
    // Of the group, which is its own: see `detached`.
    else process.kill(-pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/**
 * Starts a program without a shell, in a process group of its own: interruptions from the keyboard are
 * for this process alone, which ends the whole group.
 */
export function startChild(
  program: string,
  args: readonly string[],
  { cwd, env, stdio, signal, what }: ChildOptions,
): Child {
  const child = spawn(program, args, {
    env,
    stdio,
    detached: !isWindows,
    windowsHide: true,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const kill = (): void => killTree(child);
  signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => {
      const message = `cannot start '${program}': ${cause.message}`;
      reject(new OnliteError('ERR_RUN_FAILED', message, { cause }));
    });
    // Not 'exit': what it has printed is to be read.
    child.once('close', (code) => {
      if (signal?.aborted === true) reject(abortError(signal.reason, what));
      else resolve(code);
    });
  }).finally(() => {
    signal?.removeEventListener('abort', kill);
    process.off('exit', kill);
  });
  if (signal?.aborted === true) kill();
  // Who does not wait for the end hears of it elsewhere.
  ended.catch(() => undefined);
  return { process: child, ended, kill };
}

/** Variables that programs need to be what they are on this machine, and none that change Python. */
const KEPT =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|TEMP|TMP|SYSTEMROOT|SYSTEMDRIVE|WINDIR|USERPROFILE|APPDATA|LOCALAPPDATA|PATHEXT|COMSPEC|NUMBER_OF_PROCESSORS|PROCESSOR_ARCHITECTURE|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|(?:OPENBLAS|OMP|MKL)_\w+)$/i;

/** The environment of a converter: this process's without what would make another result of it. */
export function cleanEnvironment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

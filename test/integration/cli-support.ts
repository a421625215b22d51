import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..', '..');

export const models = path.join(root, 'test', 'fixtures', 'models');
export const model = (name: string): string => path.join(models, name);

export interface CliResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

const TIMEOUT_MS = 150_000;

/**
 * Runs the built command line as a user does, in a process of its own.
 *
 * @throws if it does not end by itself, with the signal that ended it and what it had printed
 */
export function onlite(args: readonly string[], env: NodeJS.ProcessEnv = {}): CliResult {
  const main = path.join(root, 'dist', 'cli', 'main.js');
  const start = performance.now();
  const { status, signal, error, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    env: { ...process.env, ...env },
  });
  if (status === null) {
    const seconds = Math.round((performance.now() - start) / 1000);
    const end = `${signal ?? 'no signal'} after ${seconds} s (${error?.message ?? 'no error'})`;
    throw new Error(`onlite ${args.join(' ')}: ${end}\nstdout: ${stdout}\nstderr: ${stderr}`);
  }
  return { status, stdout, stderr };
}

/** What it prints with `--json`, when it works. */
export function onliteJson(args: readonly string[]): unknown {
  const { status, stdout, stderr } = onlite([...args, '--json']);
  if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
  return JSON.parse(stdout) as unknown;
}

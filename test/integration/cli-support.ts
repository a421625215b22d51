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

/** Runs the built command line as a user does, in a process of its own. */
export function onlite(args: readonly string[], env: NodeJS.ProcessEnv = {}): CliResult {
  const main = path.join(root, 'dist', 'cli', 'main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** What it prints with `--json`, when it works. */
export function onliteJson(args: readonly string[]): unknown {
  const { status, stdout, stderr } = onlite([...args, '--json']);
  if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
  return JSON.parse(stdout) as unknown;
}

// The throw-away virtual environments of Python that the commands of this folder compare with.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const build = fileURLToPath(new URL('../../build', import.meta.url));

/** @returns what a command prints; throws where it fails */
export function runOrThrow(command, args) {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'pipe'] };
  const { error, status, stdout, stderr } = spawnSync(command, args, options);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} failed (${status}): ${stderr}`);
  return stdout;
}

/** The Python of the environment `build/NAME`, which is made of a file of requirements if there is none. */
export function managedPython(name, requirements) {
  const environment = join(build, name);
  const windows = process.platform === 'win32';
  const path = join(environment, ...(windows ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  // Written last: an environment that was left half-made is made again.
  const mark = join(environment, 'done');
  if (existsSync(mark)) return path;
  console.log(`making ${environment}`);
  rmSync(environment, { recursive: true, force: true });
  runOrThrow(windows ? 'python' : 'python3', ['-m', 'venv', environment]);
  runOrThrow(path, ['-m', 'pip', 'install', '--quiet', '-r', requirements]);
  writeFileSync(mark, '');
  return path;
}

import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { vi } from 'vitest';

import type { CliResult } from './cli-support';

export { model } from './cli-support';

// Each setting is measured in several processes, which start slowly under a sanitizer.
const TIMEOUT = 180_000;
vi.setConfig({ testTimeout: TIMEOUT, hookTimeout: TIMEOUT });

export const main = path.join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

/** Runs `onlite bench` as built, in a process of its own. */
export function onlite(args: readonly string[], env: NodeJS.ProcessEnv = {}): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    timeout: TIMEOUT,
    maxBuffer: 2 ** 27,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

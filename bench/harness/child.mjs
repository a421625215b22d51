import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { BENCH, ROOT } from './paths.mjs';

/**
 * Runs a script of bench/children, or Node with other arguments, in a process of its own.
 *
 * @returns `wallMs` from start to end, and `json`, the last line it printed, if any
 */
export function runNode(nodeArguments, { env = {} } = {}) {
  const start = performance.now();
  const child = spawn(process.execPath, nodeArguments, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const wallMs = performance.now() - start;
      if (code !== 0) {
        reject(new Error(`node ${nodeArguments.join(' ')} ended with ${signal ?? code}: ${err}`));
        return;
      }
      const last = out.trim().split('\n').at(-1);
      resolve({ wallMs, json: last ? JSON.parse(last) : undefined });
    });
  });
}

export const childScript = (name) => join(BENCH, 'children', name);

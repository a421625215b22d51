import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

import { ROOT } from './paths.mjs';

/** Runs a command to its end with its output in a file; the error names both. */
export function runLogged(logFile, command, args) {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  try {
    const { error, status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', log, log] });
    if (error) throw new Error(`${command}: ${error.message}`);
    if (status !== 0) throw new Error(`${command} failed (${status}); see ${logFile}`);
  } finally {
    closeSync(log);
  }
}

/** What a command prints, trimmed, or null if there is no such command or it fails. */
export function output(command, args) {
  const { error, status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return error || status !== 0 ? null : stdout.trim();
}

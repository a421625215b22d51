import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A line of a child; which keys it has is between the child and its test. */
export interface Report {
  bad?: string;
  done?: Record<string, number>;
  model?: string;
  variant?: number;
  kind?: string;
  ended?: string;
  rss?: number;
}

/** How a child process ended and what it reported, a JSON value a line. */
export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It was killed because it reported nothing for `stallMs`. */
  stalled: boolean;
  reports: Report[];
  /** The last lines on its standard error. */
  errors: string;
}

/**
 * Runs a script of this folder in a process of its own, which may crash or hang.
 * Its output goes to files: what was written before a crash is there afterwards.
 */
export async function runChild(
  script: string,
  task: unknown,
  { stallMs = 20_000, flags = [] as string[] } = {},
): Promise<ChildResult> {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-hostile-'));
  const outputFile = join(folder, 'output');
  const errorFile = join(folder, 'errors');
  const output = openSync(outputFile, 'w');
  const errors = openSync(errorFile, 'w');
  try {
    const file = fileURLToPath(new URL(script, import.meta.url));
    const child = spawn(process.execPath, [...flags, file, JSON.stringify(task)], {
      // What a damaged model or an option makes a runtime write goes there.
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', output, errors],
    });
    const exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve([code, signal]));
    });
    let stalled = false;
    let size = -1;
    let changedAt = Date.now();
    const watchdog = setInterval(() => {
      const now = statSync(outputFile).size;
      if (now !== size) {
        size = now;
        changedAt = Date.now();
      } else if (Date.now() - changedAt > stallMs) {
        stalled = true;
        child.kill('SIGKILL');
      }
    }, 250);
    const [code, signal] = await exited.finally(() => clearInterval(watchdog));
    return {
      code,
      signal,
      stalled,
      reports: readReports(outputFile),
      errors: readFileSync(errorFile, 'utf8').trim().split('\n').slice(-8).join('\n'),
    };
  } finally {
    closeSync(output);
    closeSync(errors);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lines that are not JSON are a runtime's own messages. */
function readReports(file: string): Report[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line);
        return typeof value === 'object' && value !== null ? [value] : [];
      } catch {
        return [];
      }
    });
}

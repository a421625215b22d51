import { fork } from 'node:child_process';

import { UsageError } from '../command';
import { ownScript } from '../own-script';
import type { MeasureRequest, ProcessResult, WorkerMessage } from './protocol';

/** A setting that could not be measured; `code` is the worker's. */
export class MeasureError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const STDERR_TAIL = 2000;

function worker(): string {
  const script = ownScript('bench/worker.js');
  if (script !== undefined) return script;
  throw new MeasureError('ERR_UNSUPPORTED', 'onlite bench is not to be bundled');
}

/** The error that ended a process, after which Node prints its stack and its own version; else the last line. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split('\n');
  const errors = lines.filter((line) => /^(?:Uncaught )?\w*Error\b/.test(line));
  return errors.at(-1) ?? lines.at(-1) ?? '';
}

/**
 * Measures in a process of its own.
 *
 * @throws MeasureError with the code of what failed there; ERR_RUN_FAILED if the process died;
 *   UsageError if the command line does not fit the model.
 */
export function measureInProcess(
  request: MeasureRequest,
  onProgress: (stage: string, done: number) => void,
): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = fork(worker(), [], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-STDERR_TAIL);
    });
    child.on('error', reject);
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'progress') onProgress(message.stage, message.done);
      else if (message.kind === 'result') resolve(message.result);
      else if (message.code === 'ERR_USAGE') reject(new UsageError(message.message));
      else reject(new MeasureError(message.code, message.message));
    });
    // After a result this settles nothing.
    child.on('close', (code, signal) => {
      const last = lastWords(stderr);
      const end = signal ?? `code ${code}`;
      const words = last === '' ? '' : `; its last words: ${last}`;
      reject(new MeasureError('ERR_RUN_FAILED', `the measuring process ended with ${end}${words}`));
    });
    child.send(request);
  });
}

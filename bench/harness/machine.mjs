import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

import { runtimeInfo } from 'onlite';

import { ROOT } from './paths.mjs';

/** What the numbers depend on, as far as it can be asked for. */
export function describeMachine() {
  const info = runtimeInfo({ load: true });
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    onlite: info.onlite,
    commit: commit(),
    onnxruntime: info.runtimes.onnxruntime.version ?? 'not installed',
    tflite: info.runtimes.tflite.version ?? 'not installed',
    executorThreads: info.executorThreads,
    loadAverage: loadavg()[0],
    date: new Date().toISOString(),
  };
}

function commit() {
  try {
    const run = (...args) => {
      const stdio = ['ignore', 'pipe', 'ignore'];
      return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio }).trim();
    };
    return `${run('rev-parse', '--short', 'HEAD')}${run('status', '--porcelain') ? ' + changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

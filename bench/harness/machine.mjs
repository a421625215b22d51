import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

import { runtimeInfo } from 'onlite';

import { output } from './command.mjs';
import { ROOT } from './paths.mjs';

/**
 * Whether this CPU adds products of uint8 and int8 in 32 bits, which is what makes int8 pay most;
 * undefined where that cannot be told.
 */
export function hasVnni() {
  if (process.arch !== 'x64' || process.platform !== 'linux') return undefined;
  return / avx(512)?_vnni\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
}

/** Names and drivers of NVIDIA's GPUs, each once; undefined where there is none. */
function gpus() {
  const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
  const lines = output('nvidia-smi', query)?.split('\n') ?? [];
  const names = lines.map((line) => line.replace(', ', ' with driver '));
  return names.length === 0 ? undefined : [...new Set(names)].join('; ');
}

/** What the numbers depend on, as far as it can be asked for. */
export function describeMachine() {
  const info = runtimeInfo({ load: true });
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    hasVnni: hasVnni(),
    cores: availableParallelism(),
    gpus: gpus(),
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

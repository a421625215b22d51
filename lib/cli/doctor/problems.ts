import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { RuntimeDescription, RuntimeInfo } from '../../engine/runtime/runtime-info';
import type { Machine } from '../machine';

export interface Problem {
  severity: 'error' | 'warning';
  problem: string;
  /** What to do about it. */
  remedy: string;
}

const OLDEST_NODE = 20;
/** The TFLite and ORT libraries of the usual packages need it. */
const OLDEST_GLIBC_MINOR = 35;

function machineProblems(machine: Machine): Problem[] {
  const problems: Problem[] = [];
  const warn = (problem: string, remedy: string): void => {
    problems.push({ severity: 'warning', problem, remedy });
  };
  if (Number.parseInt(machine.node, 10) < OLDEST_NODE) {
    problems.push({
      severity: 'error',
      problem: `Node ${machine.node} is too old`,
      remedy: `install Node ${OLDEST_NODE} or later`,
    });
  }
  if (machine.libc.name === 'musl') {
    warn(
      'this system has musl, and the usual runtime libraries need glibc',
      'bring a library built for musl: set ONLITE_ORT_PATH or ONLITE_TFLITE_PATH to it',
    );
  }
  const { name, version = '' } = machine.libc;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (name === 'glibc' && (major < 2 || (major === 2 && minor < OLDEST_GLIBC_MINOR))) {
    warn(
      `glibc ${version} is older than 2.${OLDEST_GLIBC_MINOR}, which the TensorFlow Lite wheels need`,
      'use a newer distribution, or set ONLITE_TFLITE_PATH to a library built for this one',
    );
  }
  const limit = machine.cgroup?.cpus;
  const { availableParallelism } = machine.cpu;
  if (limit !== undefined && limit < availableParallelism) {
    warn(
      `the container may use ${limit.toFixed(2)} processors, but Node counts ` +
        `${availableParallelism}: threads will be throttled`,
      `create sessions with intraOpNumThreads: ${Math.max(1, Math.floor(limit))}`,
    );
  }
  return problems;
}

/** A library may name a provider whose own library it cannot find. */
function hasCuda({ providers, path: library = '' }: RuntimeDescription): boolean {
  const provider = join(dirname(library), 'libonnxruntime_providers_cuda.so');
  return providers.some((name) => name.toLowerCase().includes('cuda')) && existsSync(provider);
}

function runtimeProblems(info: RuntimeInfo, machine: Machine): Problem[] {
  const problems: Problem[] = [];
  const { onnxruntime, tflite } = info.runtimes;
  const none = !onnxruntime.loaded && !tflite.loaded;
  const missing = (name: string, variable: string, remedy: string): void => {
    problems.push({
      severity: none ? 'error' : 'warning',
      problem: `no ${name} library was found`,
      remedy: `${remedy}, or set ${variable} to the library's file`,
    });
  };
  if (!onnxruntime.loaded) {
    missing('ONNX Runtime', 'ONLITE_ORT_PATH', 'npm install onnxruntime-node');
  } else if (machine.nvidiaDriver && !hasCuda(onnxruntime)) {
    problems.push({
      severity: 'warning',
      problem:
        'an NVIDIA driver is there, but this ONNX Runtime has no CUDA provider library beside it',
      remedy: 'set ONLITE_ORT_PATH to the library of an ONNX Runtime built with CUDA',
    });
  }
  if (!tflite.loaded) {
    missing(
      'TensorFlow Lite',
      'ONLITE_TFLITE_PATH',
      "npm install tfjs-tflite-node (2.9), or take libtensorflowlite_c of PyPI's pymicro-wakeword",
    );
  } else if (/^2\.[0-9]\./.test(tflite.version ?? '')) {
    problems.push({
      severity: 'warning',
      problem: `TensorFlow Lite ${tflite.version ?? ''} is old: no signatures, no cancellation, copies`,
      remedy: "set ONLITE_TFLITE_PATH to libtensorflowlite_c of PyPI's pymicro-wakeword (2.17)",
    });
  }
  for (const [name, { tried }] of Object.entries(info.runtimes)) {
    for (const { path: file, origin, error } of tried) {
      // What the user named and what does not work is worth a line even when another one was found.
      if (error === undefined || !origin.includes('ONLITE_')) continue;
      problems.push({
        severity: 'warning',
        problem: `${name}: ${file} (from ${origin}) cannot be loaded: ${error}`,
        remedy: `correct or unset ${origin}`,
      });
    }
  }
  return problems;
}

/** What stands in the way, errors first. `info` is undefined when the addon cannot be loaded. */
export function findProblems(
  machine: Machine,
  info: RuntimeInfo | undefined,
  addonError: string | undefined,
): Problem[] {
  const problems = machineProblems(machine);
  if (info) problems.push(...runtimeProblems(info, machine));
  else {
    problems.push({
      severity: 'error',
      problem: `the native addon cannot be loaded: ${addonError ?? 'unknown reason'}`,
      remedy: 'run npm rebuild onlite, or npm run setup in a checkout; it needs a C++20 compiler',
    });
  }
  return problems.sort((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0));
}

import type { Engine } from '../../engine/addon/native';
import { libraryVariable, runtimePackage } from '../../engine/runtime/runtime-locations';
import type { Machine } from '../machine';
import type { Examination, InstalledState, RuntimeState } from './examine';
import { remedyOf, type Failure, type FailureCause } from './failures';

export interface Problem {
  severity: 'error' | 'warning';
  problem: string;
  /** What to do about it. */
  remedy: string;
  /** Of a binary that cannot be loaded. */
  cause?: FailureCause;
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

const names: Record<Engine, string> = { onnxruntime: 'ONNX Runtime', tflite: 'TensorFlow Lite' };

const replacement = (engine: Engine): string =>
  `npm install ${runtimePackage}${engine === 'onnxruntime' ? ', or onnxruntime-node' : ''}`;

/** The failures of what was found; what a user named is reported even if it is not there. */
function libraryProblems(engine: Engine, { tried }: RuntimeState): Problem[] {
  const firstGood = tried.findIndex(({ failure }) => failure === undefined);
  return tried.flatMap(({ path, origin, failure }, index): Problem[] => {
    const variable = origin === libraryVariable(engine) ? origin : undefined;
    const isAbsent = failure?.cause === 'not-found' || origin === 'runtimes';
    if (failure === undefined || (isAbsent && variable === undefined)) return [];
    // A session would try it too.
    const ends = failure.cause === 'crash' && (firstGood < 0 || index < firstGood);
    return [
      {
        severity: ends ? 'error' : 'warning',
        problem: `${names[engine]}: ${path} (from ${origin}): ${failure.message}`,
        remedy: remedyOf(failure, {
          file: path,
          replacement: replacement(engine),
          ...(variable === undefined ? {} : { variable }),
        }),
        cause: failure.cause,
      },
    ];
  });
}

/** Those that a program would not get by useProvider. */
const installedProblems = (installed: readonly InstalledState[]): Problem[] =>
  installed.flatMap(({ name, failure }): Problem[] =>
    failure === undefined
      ? []
      : [
          {
            severity: 'warning',
            problem: `the installed provider '${name}' cannot be used: ${failure.message}`,
            remedy: `\`npx onlite install ${name} --dry-run\` prints what this machine lacks; --force installs it anew, --remove deletes it`,
            cause: failure.cause,
          },
        ],
  );

function providerProblems(
  runtime: RuntimeState,
  machine: Machine,
  installed: readonly InstalledState[],
): Problem[] {
  const problems = runtime.ownLibraries.flatMap(({ name, failure }): Problem[] =>
    failure === undefined
      ? []
      : [
          {
            severity: 'warning',
            problem: `the provider '${name}' cannot be used: ${failure.message}`,
            remedy: remedyOf(failure, { file: name, replacement: `leave out '${name}'` }),
            cause: failure.cause,
          },
        ],
  );
  const hasCuda = [...runtime.ownLibraries, ...installed].some(({ name }) => name === 'cuda');
  if (runtime.loaded && machine.nvidiaDriver && !hasCuda) {
    problems.push({
      severity: 'warning',
      problem:
        'an NVIDIA driver is there, but this ONNX Runtime has no CUDA provider library beside it',
      remedy:
        "`npx onlite install cuda` and useProvider('cuda') in the program, or set ONLITE_ORT_PATH to " +
        'the library of an ONNX Runtime built with CUDA',
    });
  }
  return problems;
}

function runtimeProblems(
  runtimes: Readonly<Record<Engine, RuntimeState>>,
  machine: Machine,
  installed: readonly InstalledState[],
): Problem[] {
  const problems: Problem[] = installedProblems(installed);
  const { onnxruntime, tflite } = runtimes;
  const none = !onnxruntime.loaded && !tflite.loaded;
  for (const [engine, runtime] of Object.entries(runtimes) as [Engine, RuntimeState][]) {
    problems.push(...libraryProblems(engine, runtime));
    if (runtime.loaded) continue;
    problems.push({
      severity: none ? 'error' : 'warning',
      problem: `no ${names[engine]} library can be loaded`,
      remedy: `${replacement(engine)}, or set ${libraryVariable(engine)} to the library's file`,
    });
  }
  problems.push(...providerProblems(onnxruntime, machine, installed));
  if (/^2\.[0-9]\./.test(tflite.version ?? '')) {
    problems.push({
      severity: 'warning',
      problem: `TensorFlow Lite ${tflite.version ?? ''} is old: no signatures, no cancellation, copies`,
      remedy: `npm install ${runtimePackage}, which has a newer one`,
    });
  }
  return problems;
}

function addonProblem(failure: Failure): Problem {
  return {
    severity: 'error',
    problem: `the native addon cannot be loaded: ${failure.message}`,
    remedy: remedyOf(failure, {
      file: 'the addon',
      replacement: 'set ONLITE_ADDON_PATH to an addon that was built for this machine',
    }),
    cause: failure.cause,
  };
}

/** What stands in the way, errors first. */
export function findProblems(
  machine: Machine,
  { addon, runtimes, installedProviders = [] }: Examination,
): Problem[] {
  const problems = machineProblems(machine);
  if ('cause' in addon) problems.push(addonProblem(addon));
  if (runtimes !== undefined)
    problems.push(...runtimeProblems(runtimes, machine, installedProviders));
  return problems.sort((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0));
}

import { OnliteError } from '../errors';
import { runOptionKeys, checkRunOptions } from '../engine/run/run-options';
import { checkSessionOptions, sessionOptionKeys } from '../engine/session/session-options';
import { warnOnce } from './warnings';

interface OptionSet {
  /** What the options are for. */
  readonly of: string;
  readonly keys: ReadonlySet<string>;
  /** Those that onnxruntime-node reads: a wrong value is an error there as well. */
  readonly read: ReadonlySet<string>;
  readonly check: (options: object) => unknown;
}

const sessionOptions: OptionSet = {
  of: 'a session',
  keys: sessionOptionKeys,
  read: new Set([
    'executionProviders',
    'intraOpNumThreads',
    'interOpNumThreads',
    'graphOptimizationLevel',
    'enableCpuMemArena',
    'enableMemPattern',
    'executionMode',
    'optimizedModelFilePath',
    'enableProfiling',
    'logId',
    'logSeverityLevel',
    'externalData',
    'extra',
  ]),
  check: checkSessionOptions,
};

const runOptions: OptionSet = {
  of: 'a run',
  keys: runOptionKeys,
  read: new Set(['logSeverityLevel', 'tag']),
  check: checkRunOptions,
};

/** A session's options without what onnxruntime-node would not look at and onlite refuses. */
export function acceptedSessionOptions(options: object): Record<string, unknown> {
  const result = accepted(options, sessionOptions);
  const { executionProviders } = result;
  if (Array.isArray(executionProviders)) {
    result['executionProviders'] = executionProviders.map(acceptedProvider);
  }
  return result;
}

/** onnxruntime-common has options of providers in browsers that are lists and objects. */
function acceptedProvider(provider: unknown): unknown {
  if (typeof provider !== 'object' || provider === null) return provider;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(provider) as [string, unknown][]) {
    if (typeof value !== 'object') result[key] = value;
    else ignore(`executionProviders.${key}`, 'expected a string, number or boolean');
  }
  return result;
}

/** The same of a run's; undefined where none is left. */
export function acceptedRunOptions(options: object): object | undefined {
  if (Object.keys(options).length === 0) return undefined;
  return accepted(options, runOptions);
}

function accepted(options: object, { of, keys, read, check }: OptionSet): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(options)) {
    const value = (options as Record<string, unknown>)[key];
    if (value === undefined || value === null) continue;
    if (!keys.has(key)) ignore(key, `${of} has no such option`);
    else if (read.has(key)) result[key] = value;
    else {
      const problem = problemOf(() => check({ [key]: value }));
      if (problem === undefined) result[key] = value;
      else ignore(key, problem);
    }
  }
  return result;
}

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof OnliteError) return error.message;
    throw error;
  }
}

function ignore(key: string, problem: string): void {
  warnOnce('ONLITE_IGNORED_OPTION', `options.${key} is ignored: ${problem}`);
}

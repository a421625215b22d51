import { OnliteError, invalidArgument } from '../errors';
import type { LatencyHistogram } from '../engine/latency/latency-histogram';
import type { RunOptions } from '../engine/run/run-options';
import type { Feeds, InferenceSession } from '../engine/session/session';
import { newHistogram } from './recorder';

/** The part of a tinybench `Bench` that {@link addRuns} needs; tinybench itself is never loaded. */
export interface TinybenchLike {
  add(name: string, run: () => unknown, options?: { async?: boolean }): unknown;
}

/** The part of a tinybench `Task` that {@link latencyOf} reads. */
export interface TinybenchTaskLike {
  readonly name: string;
  readonly result: object;
}

/** A session to run as a task. It stays the caller's to release. */
export interface SessionRuns {
  readonly session: InferenceSession;
  readonly feeds: Feeds;
  readonly options?: RunOptions;
  /** Run on the calling thread. Default false. */
  readonly sync?: boolean;
}

/**
 * Options for `new Bench()` with onlite's warm-up rule (at least 10 runs and 1 s) and the samples
 * kept, which {@link latencyOf} needs.
 */
export const tinybenchOptions: Readonly<{
  warmupTime: number;
  warmupIterations: number;
  retainSamples: boolean;
}> = Object.freeze({ warmupTime: 1000, warmupIterations: 10, retainSamples: true });

/**
 * Adds a task to a tinybench `Bench` for each session or function:
 *
 * ```ts
 * const bench = addRuns(new Bench(tinybenchOptions), {
 *   float32: { session: large, feeds },
 *   int8: { session: small, feeds, sync: true },
 * });
 * await bench.run();
 * for (const task of bench.tasks) console.log(task.name, latencyOf(task).percentile(99));
 * ```
 *
 * @returns the bench itself
 * @throws OnliteError ERR_INVALID_ARGUMENT for what is no task
 */
export function addRuns<Bench extends TinybenchLike>(
  bench: Bench,
  tasks: Readonly<Record<string, SessionRuns | (() => unknown)>>,
): Bench {
  if (!isObject(tasks)) throw invalidArgument('tasks', 'an object of tasks by name', tasks);
  for (const [name, task] of Object.entries(tasks)) {
    if (typeof task === 'function') {
      bench.add(name, task);
      continue;
    }
    if (!isObject(task)) throw invalidArgument(name, 'a session with feeds, or a function', task);
    const { session, feeds, options, sync = false } = task;
    // Without an answer, so that tinybench does not look for fields of its own in the outputs.
    if (sync) {
      bench.add(name, () => void session.runSync(feeds, options), { async: false });
    } else {
      const run = async (): Promise<void> => {
        await session.run(feeds, options);
      };
      bench.add(name, run, { async: true });
    }
  }
  return bench;
}

/**
 * The latency histogram of a tinybench task that has run, in nanoseconds; tinybench's samples are
 * milliseconds.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT if the task has not run, failed, or its bench did not
 *   keep the samples (`retainSamples: true`).
 */
export function latencyOf(task: TinybenchTaskLike): LatencyHistogram {
  if (!isObject(task)) throw invalidArgument('task', 'a task of tinybench', task);
  // Not there before it has run, whatever the types say.
  const result = task.result as { latency?: { samples?: unknown } } | undefined;
  const samples = result?.latency?.samples;
  if (!Array.isArray(samples)) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `${task.name}: has no samples: run it, in a bench with retainSamples: true`,
    );
  }
  const histogram = newHistogram();
  for (const milliseconds of samples as unknown[]) {
    if (typeof milliseconds !== 'number') {
      throw invalidArgument(`${task.name}: a sample`, 'a number of milliseconds', milliseconds);
    }
    histogram.record(milliseconds * 1e6);
  }
  return histogram;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

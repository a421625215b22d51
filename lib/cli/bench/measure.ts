import { now } from '../../bench/clock';
import { closedLoop } from '../../bench/closed-loop';
import { EVENT_LOOP_INTERVAL, eventLoopDelay } from '../../bench/event-loop';
import { openLoop } from '../../bench/open-loop';
import { newHistogram } from '../../bench/recorder';
import { ThinnedSamples } from '../../bench/thinned-samples';
import type { Block, BlockLimit } from './protocol';
import type { Runner } from './runner';

const MIN_WARM_UP_RUNS = 10;

/** Counts of failed runs by code. */
export class ErrorCounter {
  readonly counts: Record<string, number> = {};

  add(error: unknown): void {
    const code = (error as { code?: unknown } | null)?.code;
    const name = typeof code === 'string' ? code : 'ERR_INTERNAL';
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}

export interface LoadOptions {
  readonly rate: number | undefined;
  readonly seed: number;
  readonly errors: ErrorCounter;
  /** Called now and then with how many runs have ended. */
  readonly onRuns: (runs: number) => void;
}

function blockingLoop(
  runSync: () => unknown,
  limit: BlockLimit,
  onLatency: (nanoseconds: number) => void,
): number {
  const { ms = Infinity, runs: most = Infinity } = limit as { ms?: number; runs?: number };
  const end = now() + ms * 1e6;
  let runs = 0;
  let before = now();
  do {
    runSync();
    const after = now();
    onLatency(after - before);
    runs++;
    before = after;
  } while (before < end && runs < most);
  return runs;
}

async function load(
  runner: Runner,
  limit: BlockLimit,
  { rate, seed, errors }: LoadOptions,
  onLatency: (nanoseconds: number) => void,
): Promise<number> {
  if (runner.runSync) return blockingLoop(runner.runSync, limit, onLatency);
  if (rate === undefined) return (await closedLoop(runner.lanes, { ...limit, onLatency })).runs;
  const { completed } = await openLoop(runner.start, {
    perSecond: rate,
    seed,
    onLatency,
    onError: (error) => errors.add(error),
    ...('ms' in limit ? limit : { requests: limit.runs }),
  });
  return completed;
}

/** At least `ms` and 10 runs of the load that is measured next; none for 0 ms. */
export async function warmUpRunner(runner: Runner, ms: number): Promise<number> {
  if (ms === 0) return 0;
  const ignore = (): void => undefined;
  const loop = (limit: BlockLimit): Promise<number> =>
    load(
      runner,
      limit,
      { rate: undefined, seed: 1, errors: new ErrorCounter(), onRuns: ignore },
      ignore,
    );
  const runs = await loop({ ms });
  return runs >= MIN_WARM_UP_RUNS ? runs : runs + (await loop({ runs: MIN_WARM_UP_RUNS - runs }));
}

/** One block: its load from beginning to end, with what the process used meanwhile. */
export async function measureBlock(
  runner: Runner,
  limit: BlockLimit,
  options: LoadOptions,
): Promise<Block> {
  const histogram = newHistogram();
  const samples = new ThinnedSamples();
  let seen = 0;
  let told = performance.now();
  const onLatency = (nanoseconds: number): void => {
    histogram.record(nanoseconds);
    samples.push(nanoseconds);
    if ((++seen & 15) === 0 && performance.now() - told > 100) {
      told = performance.now();
      options.onRuns(seen);
    }
  };
  const startedAt = Date.now();
  const cpu = process.cpuUsage();
  const start = now();
  const runs = await load(runner, limit, options, onLatency);
  const seconds = (now() - start) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  const [p50, p99] = samples.percentiles([50, 99]);
  return {
    runs,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    startedAt,
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
    histogram: histogram.encode(),
  };
}

/** Beyond the timer's own interval. */
export async function withEventLoopDelay<Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; delay: { p50: number; p99: number; max: number } }> {
  const { result, p50, p99, max } = await eventLoopDelay(work);
  const beyond = (value: number): number => Math.max(0, value - EVENT_LOOP_INTERVAL);
  return { result, delay: { p50: beyond(p50), p99: beyond(p99), max: beyond(max) } };
}

import { describe, expect, it } from 'vitest';

import { engines, outcome, passed, rounds, runChild, testTimeout, workerCount } from './child';
import { exit, killed, type Ending } from './process-ways';

describe('worker threads', () => {
  it(
    'may end in any way with runs in flight, with the addon loaded in workers only',
    async () => {
      const child = await runChild('lifecycle/children/workers.mjs', [String(workerCount)], {
        timeoutMs: 3 * testTimeout,
      });
      expect(child, child.errors).toMatchObject({ code: 0, signal: null, hung: false });
      const endings = child.reports[0]?.['endings'] as Record<string, number>;
      expect(Object.keys(endings)).toHaveLength(7);
      expect(Object.values(endings).reduce((sum, count) => sum + count)).toBe(workerCount);
    },
    4 * testTimeout,
  );

  const ways: [way: string, ending: Ending][] = [
    ['exit', exit(7)],
    ['uncaught', exit(1)],
    ['SIGTERM', killed('SIGTERM')],
    ['terminate', exit(7)],
  ];

  // The main thread has runs in flight itself, or has not even loaded the addon.
  it.each(['busy', 'idle'])(
    'may be in the middle of runs when the process ends, the main thread being %s',
    async (main) => {
      for (let round = 0; round < Math.max(rounds, ways.length); round++) {
        const [way, ending] = ways[round % ways.length]!;
        const delay = round * 0.7;
        const { reports, errors, ...result } = await runChild(
          'lifecycle/children/workers-and-main.mjs',
          [way, main, String(delay)],
          way === 'SIGTERM' ? { kill: { signal: way, afterMs: delay } } : {},
        );
        expect({ way, ...result }, errors).toEqual({ way, ...ending, hung: false });
        expect(reports).toEqual([{ ready: true }]);
      }
    },
    2 * testTimeout,
  );

  it.each(engines)('get results of their own: %s', async (engine) => {
    const child = await runChild('lifecycle/children/worker-results.mjs', [engine]);
    expect(outcome(child)).toEqual(passed);
  });
});

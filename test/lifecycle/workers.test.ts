import { describe, expect, it } from 'vitest';

import { engines, outcome, passed, runChild } from './child';

/** Workers that end with runs in flight. */
const workers = 50;

describe('worker threads', () => {
  it('may end in any way with runs in flight, with the addon loaded in workers only', async () => {
    const child = await runChild('lifecycle/children/workers.mjs', [String(workers)], {
      timeoutMs: 60_000,
    });
    expect(child, child.errors).toMatchObject({ code: 0, signal: null, hung: false });
    const endings = child.reports[0]?.['endings'] as Record<string, number>;
    expect(Object.keys(endings)).toHaveLength(6);
    expect(Object.values(endings).reduce((sum, count) => sum + count)).toBe(workers);
  }, 70_000);

  it('may be in the middle of runs when the process exits', async () => {
    for (let round = 0; round < 5; round++) {
      const child = await runChild('lifecycle/children/workers-and-main.mjs', [String(round * 3)]);
      expect(child, child.errors).toMatchObject({ code: 7, signal: null, hung: false });
    }
  });

  it.each(engines)('get results of their own: %s', async (engine) => {
    const child = await runChild('lifecycle/children/worker-results.mjs', [engine]);
    expect(outcome(child)).toEqual(passed);
  });
});

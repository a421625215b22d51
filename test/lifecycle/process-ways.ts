import { expect, it } from 'vitest';

import { rounds, runChild, testTimeout, type ChildResult } from './child';

/** How a process ends in some way: its exit code or the signal that kills it. */
export type Ending = Pick<ChildResult, 'code' | 'signal'>;
export const exit = (code: number): Ending => ({ code, signal: null });
export const killed = (signal: NodeJS.Signals): Ending => ({ code: null, signal });

export interface Way {
  /** Of children/process-end.mjs. */
  way: string;
  ending: Ending;
  /** Sent by the test. */
  kill?: NodeJS.Signals;
  /** What the process must have written to standard error. */
  says?: string;
}

/** Each child has runs of both runtimes in flight, and ends at another moment. */
export function testWays(ways: Way[]): void {
  it.each(ways)(
    'by $way',
    async ({ way, ending, kill, says }) => {
      for (let round = 0; round < rounds; round++) {
        const delay = round * 0.7;
        const { reports, errors, ...result } = await runChild(
          'lifecycle/children/process-end.mjs',
          [way, String(delay)],
          kill === undefined ? {} : { kill: { signal: kill, afterMs: delay } },
        );
        expect({ round, ...result }, errors).toEqual({ round, ...ending, hung: false });
        if (says !== undefined) expect(errors).toContain(says);
        if (way === 'return') expectAllSettled(reports.at(-1));
      }
    },
    3 * testTimeout,
  );
}

function expectAllSettled(counts: Record<string, unknown> | undefined): void {
  expect(counts?.['settled'], 'every promise was settled').toBe(counts?.['started']);
  expect(counts?.['started']).toBeGreaterThanOrEqual(46);
}

import { describe, expect, it } from 'vitest';

import { runChild, type ChildResult } from './child';

/** A fault that depends on timing shows in some of them. */
const rounds = 20;

type Ending = Pick<ChildResult, 'code' | 'signal'>;
const exit = (code: number): Ending => ({ code, signal: null });
const killed = (signal: NodeJS.Signals): Ending => ({ code: null, signal });

const ways: [way: string, ending: Ending, kill?: NodeJS.Signals][] = [
  ['return', exit(0)],
  ['exit', exit(7)],
  ['exit in a completion', exit(7)],
  ['exit after a release', exit(7)],
  ['exit while creating', exit(7)],
  ['a synchronous run in an exit listener', exit(7)],
  ['uncaught', exit(1)],
  ['rejection', exit(1)],
  ['SIGTERM', killed('SIGTERM'), 'SIGTERM'],
  ['SIGINT', killed('SIGINT'), 'SIGINT'],
  ['SIGTERM with a listener', exit(7), 'SIGTERM'],
];

// Each child has runs of both runtimes in flight.
describe('the process ends with runs in flight', () => {
  it.each(ways)(
    'by %s',
    async (way, { code, signal }, kill) => {
      for (let round = 0; round < rounds; round++) {
        const delay = round * 0.7;
        const result = await runChild('lifecycle/children/process-end.mjs', [way, String(delay)], {
          ...(kill === undefined ? {} : { kill: { signal: kill, afterMs: delay } }),
        });
        const { reports, errors, ...ending } = result;
        expect({ round, ...ending }, errors).toEqual({ round, code, signal, hung: false });
        if (way === 'uncaught' || way === 'rejection') expect(errors).toContain('on purpose');
        if (way !== 'return') continue;
        const counts = reports.at(-1) as { started: number; settled: number };
        expect(counts.settled, 'every promise was settled').toBe(counts.started);
        expect(counts.started).toBeGreaterThanOrEqual(22);
      }
    },
    90_000,
  );
});

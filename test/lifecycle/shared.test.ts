import { describe, expect, it } from 'vitest';

import { fewRounds, runChild, testTimeout } from './child';
import { exit, killed, type Ending } from './process-ways';
import { testScripts } from './script-tests';

// Many workers a round.
testScripts({ shared: Math.min(fewRounds, 2) });

describe('a session that threads share', () => {
  const ways: [way: string, ending: Ending][] = [
    ['exit', exit(7)],
    ['uncaught', exit(1)],
    ['SIGTERM', killed('SIGTERM')],
    ['release and exit', exit(7)],
  ];

  it.each(ways)(
    'may have runs of several threads in flight when the process ends: %s',
    async (way, ending) => {
      for (let round = 0; round < fewRounds; round++) {
        const delay = round * 2.3;
        const { reports, errors, ...result } = await runChild(
          'lifecycle/children/shared-end.mjs',
          [way, String(delay)],
          way === 'SIGTERM' ? { kill: { signal: way, afterMs: delay } } : {},
        );
        expect({ way, ...result }, errors).toEqual({ way, ...ending, hung: false });
        expect(reports).toEqual([{ ready: true }]);
      }
    },
    2 * testTimeout,
  );
});

import { describe, expect, it } from 'vitest';

import { engines, memoryFlags, outcome, passed, runChild, testTimeout } from './child';

/** Scripts of children/ that call `runCases`, and how often each case is repeated. */
export function testScripts(scripts: Record<string, number>): void {
  describe.each(engines)('%s', (engine) => {
    it.each(Object.entries(scripts))(
      '%s',
      async (script, repetitions) => {
        const child = await runChild(
          `lifecycle/children/${script}.mjs`,
          [engine, String(repetitions)],
          { flags: memoryFlags },
        );
        expect(outcome(child)).toEqual(passed);
        // It came to its end, and ended by itself.
        expect(child.reports.at(-1)).toEqual({ name: 'all cases', error: null });
      },
      testTimeout,
    );
  });
}

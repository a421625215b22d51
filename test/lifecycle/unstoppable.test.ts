import { spawnSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import { runChild, testTimeout } from './child';
import { testScripts } from './script-tests';

testScripts({ load: 1 });

/** Far less than what does not stop takes, and far more than anything else. */
const timeoutMs = 40_000;

/** The exit code by case of children/unstoppable.mjs. */
const ways = {
  'exit during a load': 7,
  'the end after a load that timed out': 0,
  'exit during a run': 7,
  'the end after a run that timed out': 0,
  'as many lost runs as there are threads': 7,
  'as many loads as there are threads': 7,
  'the end of a worker whose run has memory of its own': 0,
  'the end of a worker whose load goes on': 0,
  'exit during a run over memory of a worker': 7,
};

describe('work that does not stop holds up nothing else', () => {
  it.each(Object.entries(ways))(
    '%s',
    async (way, code) => {
      const child = await runChild('lifecycle/children/unstoppable.mjs', [way], { timeoutMs });
      const { hung, signal } = child;
      expect({ code: child.code, hung, signal }, child.errors).toEqual({
        code,
        hung: false,
        signal: null,
      });
      if (code === 0) expect(child.reports).toEqual([{ done: true }]);
    },
    testTimeout,
  );

  const hasTaskset = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
  it.runIf(hasTaskset)(
    'on one processor',
    () => {
      const script = new URL('children/unstoppable.mjs', import.meta.url).pathname;
      for (const way of [
        'as many lost runs as there are threads',
        'as many loads as there are threads',
      ]) {
        const args = ['-c', '0', process.execPath, script, way];
        const { status, stderr } = spawnSync('taskset', args, { timeout: timeoutMs });
        expect(status, String(stderr)).toBe(7);
      }
    },
    testTimeout,
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engines, outcome, passed, runChild, testTimeout } from './child';
import { buildFaults, hasFaults } from './faults';

describe.runIf(hasFaults)('what cannot be had leaves everything whole', () => {
  let folder = '';
  let env: NodeJS.ProcessEnv = {};
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'onlite-faults-'));
    env = buildFaults(folder);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(engines)(
    'memory and files: %s',
    async (engine) => {
      const child = await runChild('lifecycle/children/faults.mjs', [engine], { env });
      expect(outcome(child)).toEqual(passed);
      expect(child.reports.at(-1)).toEqual({ name: 'end', error: null });
    },
    testTimeout,
  );

  it.each(engines)(
    'threads: %s',
    async (engine) => {
      const errors: unknown[] = [];
      for (const left of [0, 1, 2, 3, 100]) {
        const args = [engine, String(left)];
        const child = await runChild('lifecycle/children/no-threads.mjs', args, { env });
        expect(child, child.errors).toMatchObject({ code: 0, signal: null, hung: false });
        errors.push(child.reports[0]?.['error']);
      }
      expect(errors[0]).toBe('ERR_OUT_OF_MEMORY');
      expect(errors.at(-1)).toBeNull();
    },
    testTimeout,
  );
});

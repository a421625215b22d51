import { describe, expect, it } from 'vitest';

import { outcome, passed, runChild } from '../lifecycle/child';
import { hasPeer, peer, peerLibrary } from './peer';

describe('the same program', () => {
  it('runs with onlite', async () => {
    const child = await runChild('compat/run-suite.mjs', ['onlite']);
    expect(outcome(child)).toEqual(passed);
    expect(child.reports.length).toBeGreaterThan(40);
  });

  it.skipIf(!hasPeer)('runs with onnxruntime-node', async () => {
    const child = await runChild('compat/run-suite.mjs', [peer]);
    expect(outcome(child)).toEqual(passed);
    expect(child.reports.length).toBeGreaterThan(40);
  });
});

describe.skipIf(!hasPeer).each(['onlite', 'onnxruntime-node'])('%s is first', (first) => {
  it.each(['another library', 'the same library'])('with %s', async (which) => {
    const shared = which === 'the same library';
    // An exit with both packages loaded that only sometimes goes wrong is wrong.
    for (let round = 0; round < 5; round++) {
      const child = await runChild('compat/both.mjs', [peer, first], {
        env: shared ? { ONLITE_ORT_PATH: peerLibrary } : {},
      });
      expect(child, child.errors).toMatchObject({ code: 0, signal: null, hung: false });
      const pools = child.reports[0]?.['threadPools'];
      expect(pools).toBe(shared && first !== 'onlite' ? 'per-session' : 'global');
      if (shared) expect(child.reports[0]?.['path']).toBe(peerLibrary);
    }
  });
});

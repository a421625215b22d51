import { describe, expect, it } from 'vitest';

import { testTimeout } from '../lifecycle/child';
import { runFuzzer } from './fuzzer';

// The fuzzer itself: that a short run of it finds nothing, and that it would find what there is.

describe('the fuzzer', () => {
  it.each(['onnxruntime', 'tflite'])(
    'finds nothing in a round on %s',
    async (engine) => {
      const { code, summary } = await runFuzzer(
        '--engine',
        engine,
        '--seed',
        '1',
        '--steps',
        '400',
      );
      expect(summary.failure).toBeUndefined();
      expect(code).toBe(0);
      expect(summary.steps).toBe(400);
      expect(summary.checks).toBeGreaterThan(400);
    },
    testTimeout,
  );

  it(
    'finds nothing beside workers that end',
    async () => {
      const args = ['--engine', 'onnxruntime', '--seed', '2', '--steps', '300', '--workers'];
      const { code, summary } = await runFuzzer(...args);
      expect(summary.failure).toBeUndefined();
      expect(code).toBe(0);
      const counts = Object.keys(summary.operations['onnxruntime'] ?? {});
      expect(counts.filter((name) => name.startsWith('worker ends'))).not.toEqual([]);
    },
    testTimeout,
  );

  it.each([
    ['result', /outputs\..*: got .*, expected /],
    ['promise', /has not settled/],
    ['crash', /the process ended with SIGABRT/],
  ])(
    'finds an injected fault: %s',
    async (kind, message) => {
      const args = ['--engine', 'tflite', '--seed', '8', '--steps', '400', '--inject', kind];
      const { code, summary } = await runFuzzer(...args);
      expect(code).toBe(1);
      expect(summary.failure).toMatchObject({ engine: 'tflite', seed: 8 });
      expect(summary.failure?.message).toMatch(message);
      expect(summary.failure?.step).toBeGreaterThan(0);
      expect(summary.failure?.replay).toContain('--engine tflite --seed 8 --steps');
    },
    testTimeout,
  );
});

import { describe, expect, it } from 'vitest';

import { fidelityFaults, speedFaults } from '../../../../lib/optimize/guard/guard';

const speedup = (ratio: number, interval: readonly [number, number]) => ({
  ratio,
  interval,
  times: [100, 100 / ratio] as const,
});

describe('speedFaults', () => {
  it.each([
    [1.1, [1.0, 1.2], 1, 0],
    [0.99, [0.9, 1.1], 1, 1],
    [1.9, [1.8, 2.0], 2, 1],
  ] as const)(
    'judges %d × by its median, whatever its interval %j',
    (ratio, ends, least, faults) => {
      expect(speedFaults(speedup(ratio, ends), { minSpeedup: least })).toHaveLength(faults);
    },
  );

  it.each([
    [0.9, [0.8, 0.96], 0],
    [0.9, [0.85, 0.94], 1],
    [1.1, [1.0, 1.2], 0],
  ] as const)('gives %d × of %j the benefit of doubt', (ratio, ends, faults) => {
    const judging = { minSpeedup: 0.95, givesBenefitOfDoubt: true };
    const found = speedFaults(speedup(ratio, ends), judging);
    expect(found).toHaveLength(faults);
    for (const fault of found) expect(fault).toContain('0.90 ×');
  });
});

describe('fidelityFaults', () => {
  it('judges by the labels where there are some, else by the noise', () => {
    expect(fidelityFaults({ sqnr: 19 }, {})).toEqual([expect.stringContaining('19.0 dB')]);
    expect(fidelityFaults({ sqnr: 19, accuracy: [0.9, 0.9] }, {})).toEqual([]);
    expect(fidelityFaults({ sqnr: 60, accuracy: [0.9, 0.88] }, {})).toEqual([
      expect.stringContaining('2.00 % lower'),
    ]);
    expect(fidelityFaults({ sqnr: NaN }, {})).toHaveLength(1);
    for (const accuracy of [[NaN, 0.9] as const, [0.9, NaN] as const]) {
      expect(fidelityFaults({ sqnr: 60, accuracy }, {})).toHaveLength(1);
    }
  });
});

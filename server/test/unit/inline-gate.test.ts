import { describe, expect, it } from 'vitest';

import { InlineGate } from '../../lib/models/inline-gate';
import { RequestStatistics, sharedCounters } from '../../lib/models/statistics';

/** A session of which so many runs were quick. */
function gateOver(limit: number) {
  const seen = { count: 0, quick: 0 };
  const invoke = {
    get count() {
      return seen.count;
    },
    countAtOrBelow: () => seen.quick,
  };
  const statistics = new RequestStatistics();
  const gate = new InlineGate({ latency: { invoke } } as never, limit, statistics);
  const elsewhere = (count: number, isQuick: boolean): void => {
    for (let run = 0; run < count; run++) {
      seen.count++;
      if (isQuick) seen.quick++;
      gate.ranElsewhere();
    }
  };
  return { gate, statistics, elsewhere };
}

describe('the gate of runs on the thread that answers', () => {
  it('opens after quick runs, and stays open over some slow ones', () => {
    const { gate, statistics, elsewhere } = gateOver(50);
    elsewhere(63, true);
    expect(gate.isOpen).toBe(false);
    elsewhere(1, true);
    expect(gate.isOpen).toBe(true);
    // One of 50 is slow.
    for (let run = 0; run < 5000; run++) gate.ranHere(run % 50 === 0 ? 0.2 : 0.01);
    expect(gate.isOpen).toBe(true);
    expect(statistics.inline).toEqual({ runs: 5000, changes: 1, threads: 1 });
  });

  it('closes when runs become slow, and is then slower to open', () => {
    const { gate, statistics, elsewhere } = gateOver(50);
    elsewhere(64, true);
    let made = 0;
    for (; gate.isOpen; made++) gate.ranHere(1);
    expect(made).toBeLessThan(100);
    expect(statistics.inline).toMatchObject({ changes: 2, threads: 0 });
    elsewhere(64, true);
    expect(gate.isOpen).toBe(false);
    elsewhere(192, true);
    expect(gate.isOpen).toBe(true);
  });

  it('stays closed for slow models, and where it may not open', () => {
    const slow = gateOver(50);
    slow.elsewhere(1000, false);
    expect(slow.gate.isOpen).toBe(false);
    const never = gateOver(0);
    never.elsewhere(1000, true);
    expect(never.gate.isOpen).toBe(false);
  });
});

it('counts what several threads have answered', () => {
  const counters = sharedCounters(2);
  const [first, second] = [new RequestStatistics(counters, 0), new RequestStatistics(counters, 1)];
  first.succeeded(10, 2);
  second.succeeded(30, 4);
  second.failed(5);
  for (const each of [first, second]) {
    expect(each.success).toEqual({ count: 2, ns: 40 });
    expect(each.fail).toEqual({ count: 1, ns: 5 });
    expect(each.inferences).toBe(6);
    expect(Math.abs(Date.now() - each.lastInference)).toBeLessThan(60_000);
  }
});

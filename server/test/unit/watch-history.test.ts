// What is kept of the past is bounded, and reaches back to the beginning.
import type { WatchReport } from 'onlite/watch';
import { describe, expect, it } from 'vitest';

import { History } from '../../lib/watch/history';

const loaded = (...versions: string[]) =>
  versions.map((version, index) => ({ name: 'm', version, isDefault: index === 0 }));

describe('the history of what is watched', () => {
  it('keeps fewer points the longer it is, and all of the time', () => {
    const history = new History();
    for (let second = 0; second < 5000; second++) history.look(second * 1000, [], []);
    const times = history.points.map(({ at }) => at);
    expect(times.length).toBeLessThanOrEqual(300);
    expect(times.length).toBeGreaterThan(100);
    expect(times[0]).toBe(0);
    expect(times.at(-1)).toBeGreaterThan(4_900_000);
    const apart = times.slice(1).map((at, index) => at - times[index]!);
    expect(new Set(apart).size).toBe(1);
  });

  it('has as much of hundreds of models as of few', () => {
    const history = new History();
    const report = { requests: 1, quality: [], drift: null, errors: [] } as unknown as WatchReport;
    const states = Array.from({ length: 800 }, (_, index) => ({
      ...{ name: `m${index}`, version: '1', report, bins: [], dropped: 0 },
    }));
    for (let second = 0; second < 2000; second++) history.look(second * 1000, states, []);
    const { points } = history;
    const versions = points.reduce((sum, point) => sum + point.versions.length, 0);
    expect(versions).toBeLessThanOrEqual(20_000);
    expect(points.length).toBeGreaterThan(15);
    expect([points[0]!.at, points[0]!.versions.length]).toEqual([0, 500]);
    expect(points.at(-1)!.at).toBeGreaterThan(1_800_000);
  });

  it('marks where versions changed, and no more than so many times', () => {
    const history = new History();
    history.look(0, [], loaded('1'));
    expect(history.marks).toEqual([]);
    history.look(1, [], loaded('2', '1'));
    history.look(2, [], loaded('2'));
    history.look(3, [], []);
    expect(history.marks.map(({ at, text }) => `${at} ${text}`)).toEqual([
      '1 version 2 was loaded',
      '1 version 2 became the default',
      '2 version 1 was unloaded',
      '3 version 2 was unloaded',
    ]);
    for (let turn = 0; turn < 500; turn++) history.look(turn, [], loaded(String(turn % 2)));
    expect(history.marks).toHaveLength(100);
  });
});

// When it is told that a model does not do well.
import { describe, expect, it } from 'vitest';

import { ModelWatch, Profiler, type AlertRule, type AlertState } from '../../../lib/watch';

const profiler = new Profiler();
for (let value = 0; value < 200; value++) profiler.add({ x: value % 10 }, value % 2);
const profile = profiler.finish('categorical');

const told: AlertState[] = [];
const open = (alerts: Readonly<Record<string, AlertRule>>, withProfile = true) => {
  told.length = 0;
  return ModelWatch.open({
    model: 'm',
    sample: 1,
    ...(withProfile && { profile, drift: { window: 10, minRows: 5 } }),
    qualityWindow: 10,
    alerts,
    onAlert: (state) => told.push(state),
  });
};
let made = 0;
const record = (watch: ModelWatch, x: number, label?: number, error?: Error): void => {
  const requestId = `r${made++}`;
  const inputs = { x: { type: 'float32', dims: [1, 1], data: [x] } };
  const outputs = { y: { type: 'int64', dims: [1], data: [x % 2] } };
  watch.record({ inputs, requestId, ...(error ? { error } : { outputs }) });
  if (label !== undefined) watch.label(requestId, label);
};
/** Whether each is active, after those who are to be told have been. */
const look = async (watch: ModelWatch): Promise<Record<string, boolean>> => {
  const { alerts } = watch.report();
  await new Promise(setImmediate);
  return Object.fromEntries(alerts.map(({ name, isActive }) => [name, isActive]));
};

describe('alerts', () => {
  it('stay as they are while there are too few rows to tell by', async () => {
    const watch = await open({ wrong: { measure: 'accuracy', below: 0.8, minRows: 5 } });
    for (let turn = 0; turn < 10; turn++) record(watch, turn, 5);
    expect(await look(watch)).toEqual({ wrong: true });
    // One that stands for very many leaves few that are as probable as it is.
    const inputs = { x: { type: 'float32' as const, dims: [1, 1], data: [1] } };
    const outputs = { y: { type: 'int64' as const, dims: [1], data: [1] } };
    watch.record({ inputs, outputs, requestId: 'heavy', weight: 1e6 });
    watch.label('heavy', 1);
    expect(await look(watch)).toEqual({ wrong: true });
    expect(told).toHaveLength(1);
  });

  it('become active and end with what they look at, and tell of that once', async () => {
    const watch = await open({
      accuracy: { measure: 'accuracy', below: 0.8, minRows: 5 },
      drift: { measure: 'stabilityIndex', above: 0.25, feature: 'x', minRows: 5 },
      anywhere: { measure: 'outOfRange', above: 0.5, minRows: 5 },
      share: { measure: 'driftedShare', above: 0, minRows: 5 },
    });
    const none = { accuracy: false, drift: false, anywhere: false, share: false };
    expect(await look(watch)).toEqual(none);
    for (let turn = 0; turn < 4; turn++) record(watch, turn, 5);
    // All of them are wrong, and they are too few.
    expect(await look(watch)).toEqual(none);
    for (let turn = 0; turn < 10; turn++) record(watch, 100, 1);
    const all = { accuracy: true, drift: true, anywhere: true, share: true };
    expect(await look(watch)).toEqual(all);
    expect(await look(watch)).toEqual(all);
    expect(told.map(({ name, isActive }) => [name, isActive])).toEqual(
      Object.keys(all).map((name) => [name, true]),
    );
    expect(told[0]).toMatchObject({ value: 0, rows: 10, rule: { below: 0.8 } });
    expect(told[2]).toMatchObject({ value: 1, rows: 10 });
    for (let turn = 0; turn < 10; turn++) record(watch, turn, turn % 2);
    expect(await look(watch)).toEqual(none);
    expect(told.slice(4).map(({ name, isActive }) => [name, isActive])).toEqual(
      Object.keys(none).map((name) => [name, false]),
    );
    await watch.close();
  });

  it('look at the last 1000 requests for errors', async () => {
    const watch = await open({ errors: { measure: 'errorShare', above: 0.2, minRows: 10 } }, false);
    for (let turn = 0; turn < 1000; turn++) record(watch, 1);
    for (let turn = 0; turn < 200; turn++) record(watch, 1, undefined, new Error('none'));
    expect(await look(watch)).toEqual({ errors: false });
    record(watch, 1, undefined, new Error('none'));
    expect(await look(watch)).toEqual({ errors: true });
    expect(told).toMatchObject([{ value: 0.201, rows: 1000 }]);
    for (let turn = 0; turn < 1000; turn++) record(watch, 1);
    expect(await look(watch)).toEqual({ errors: false });
    expect(told[1]).toMatchObject({ value: 0, isActive: false });
    await watch.close();
  });

  it.each([
    [{ measure: 'luck', below: 1 }, /alerts\.a\.measure: expected one of accuracy/],
    [{ measure: 'accuracy' }, /alerts\.a: expected a finite number as either below or above/],
    [{ measure: 'accuracy', below: 1, above: 0 }, /as either below or above/],
    [{ measure: 'accuracy', below: NaN }, /a finite number/],
    [{ measure: 'accuracy', below: 1, minRows: 0 }, /alerts\.a\.minRows/],
    [{ measure: 'missing', above: 1 }, /alerts\.a\.measure: there is no profile/],
  ])('refuse %j', async (rule, message) => {
    await expect(open({ a: rule as AlertRule }, false)).rejects.toThrow(message);
  });
});

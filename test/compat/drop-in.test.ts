import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { outcome, passed, runChild } from '../lifecycle/child';
import { hasPeer, peer } from './peer';

const dropIn = 'onlite/onnxruntime';

describe('a program for onnxruntime-node', () => {
  it('runs with the drop-in entry', async () => {
    const child = await runChild('compat/run-suite.mjs', [dropIn]);
    expect(outcome(child)).toEqual(passed);
    expect(child.reports.length).toBeGreaterThan(40);
  });

  it.skipIf(!hasPeer).each([
    ['after', [peer, dropIn]],
    ['before', [dropIn, peer]],
  ])('loads the drop-in entry %s onnxruntime-node', async (_, packages) => {
    const child = await runChild('compat/load-in-order.mjs', packages);
    expect(outcome(child)).toEqual(passed);
  });
});

describe.skipIf(!hasPeer)('what onnxruntime-node takes', () => {
  const outcomes: Record<string, Map<string, unknown>> = {};
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'onlite-differential-'));
    for (const name of [peer, dropIn, 'onlite']) {
      const child = await runChild('compat/differential.mjs', [name, folder]);
      expect(child, child.errors).toMatchObject({ code: 0 });
      outcomes[name] = new Map(child.reports.map(({ name: of, value }) => [of as string, value]));
    }
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  // onnxruntime-node takes a list for `extra` and looks for names in it.
  const exceptions = ['session: extra: []'];

  // An option of onlite's own, which is obeyed: whether a run is over by then is the machine's affair.
  const limits = ['run: timeoutMs: 0', 'run: timeoutMs: 1', 'run: timeoutMs: 1.5'];

  it('is taken by the drop-in entry, to the same end', () => {
    const ignored = ['warnings', ...limits];
    const taken = [...outcomes[peer]!].filter(
      ([name, value]) => !ignored.includes(name) && value !== null,
    );
    for (const name of limits) expect(outcomes[peer]!.get(name), name).not.toBeNull();
    expect(taken.length).toBeGreaterThan(150);
    const others = taken.filter(([name, value]) => outcomes[dropIn]!.get(name) !== value);
    expect(others.map(([name]) => name)).toEqual(exceptions);
  });

  it("is refused by onlite's own API where it is a mistake", () => {
    for (const name of [
      'feeds: one too many',
      'session: noSuchOption: 1',
      'run: noSuchOption: 1',
      'a free dimension that is not there',
      'fetches: a number',
    ]) {
      expect(outcomes[peer]!.get(name), name).not.toBeNull();
      expect(outcomes['onlite']!.get(name), name).toBeNull();
    }
  });

  it('is warned of once each', () => {
    const warnings = outcomes[dropIn]!.get('warnings') as string[];
    expect(new Set(warnings).size).toBe(warnings.length);
    expect(warnings).toEqual(
      expect.arrayContaining([
        'ONLITE_IGNORED_INPUT: inputs.c is ignored: the model has no such input',
        'ONLITE_IGNORED_OPTION: options.noSuchOption is ignored: a session has no such option',
        'ONLITE_IGNORED_OPTION: options.noSuchOption is ignored: a run has no such option',
        'ONLITE_IGNORED_OPTION: options.freeDimensionOverrides.nothing is ignored: no input has the dimension',
      ]),
    );
    expect(outcomes['onlite']!.get('warnings')).toEqual([]);
  });
});

it("onnxruntime-common's own session runs on onlite, with onlite's options and TensorFlow Lite", async () => {
  const child = await runChild('compat/common-session.mjs', []);
  expect(outcome(child)).toEqual(passed);
  expect(child.reports.length).toBe(6);
});

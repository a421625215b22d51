import { fileURLToPath } from 'node:url';

import { runtimeInfo } from 'onlite';
import { describe, expect, it } from 'vitest';

import { runChild, type ChildResult } from './hostile/child';

/**
 * Wrong calls of every public function, made in child processes: each is refused
 * with an OnliteError whose message names the place. The seed is fixed, so each
 * call is the same every time; `ONLITE_TEST_SEED` tries others.
 */
const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261121);

const callsPerModel = 4000;
const pollutedCallsPerModel = 1200;
const rawCalls = 1500;

function model(name: string): string {
  return fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
}

/** What a child says is wrong, or how it died; empty if all is well. */
function problemsOf(result: ChildResult): string[] {
  const problems = result.reports
    .filter((entry) => entry.bad !== undefined)
    .map((entry) => JSON.stringify(entry));
  if (result.code !== 0) {
    const last = JSON.stringify(result.reports.filter((entry) => entry.bad === undefined).at(-1));
    const how = result.stalled ? 'hung' : `died of ${result.signal ?? `exit ${result.code}`}`;
    problems.push(`${how} at ${last}\n${result.errors}`);
  }
  return problems;
}

function countsOf({ reports }: ChildResult): Record<string, number> {
  return reports.at(-1)?.done ?? {};
}

const timeout = 600_000;

describe.each(['add4.onnx', 'add4.tflite'])('%s', (name) => {
  const file = model(name);

  it('refuses wrong calls with typed errors', { timeout }, async () => {
    const task = { seed, file, first: 0, last: callsPerModel };
    const result = await runChild('wrong-calls-child.mjs', task);
    expect(problemsOf(result), `seed ${seed}`).toEqual([]);
    const counts = countsOf(result);
    // Most of what accepted.mjs lets pass is an option's default.
    expect(counts['refused']).toBeGreaterThan(callsPerModel * 0.7);
    expect(counts['accepted']).toBeLessThan(callsPerModel * 0.1);
  });

  it('survives polluted prototypes', { timeout }, async () => {
    const task = { seed, file, first: 0, last: pollutedCallsPerModel };
    const result = await runChild('polluted-child.mjs', task);
    expect(problemsOf(result), `seed ${seed}`).toEqual([]);
    expect(countsOf(result)['results']).toBeGreaterThan(pollutedCallsPerModel / 10);
  });
});

it('survives arguments that change while they are read', { timeout }, async () => {
  const task = { file: model('identity_float32.onnx'), first: 0 };
  const result = await runChild('tricks-child.mjs', task, { flags: ['--expose-gc'] });
  expect(problemsOf(result)).toEqual([]);
});

describe('the addon itself', () => {
  const { addon, runtimes } = runtimeInfo({ load: true });

  it.each(['none', 'onlite', 'own'])(
    'refuses garbage, initialised by %s',
    { timeout },
    async (state) => {
      const task = {
        seed,
        state,
        calls: rawCalls,
        addon,
        files: [model('add4.onnx'), model('add4.tflite')],
        longFile: model('control_while.tflite'),
        candidates: {
          onnxruntime: [[runtimes.onnxruntime.path, 'test']],
          tflite: [[runtimes.tflite.path, 'test']],
        },
      };
      const result = await runChild('raw-addon-child.mjs', task, { flags: ['--expose-gc'] });
      expect(problemsOf(result), `seed ${seed}`).toEqual([]);
      expect(countsOf(result)['errors']).toBeGreaterThan(rawCalls / 2);
    },
  );
});

// What is wrong with a configuration is said with the file and the path.
import { describe, expect, it } from 'vitest';

import { ConfigError, effectiveConfig, printProblem } from '../../lib/config';
import { checkConfigured } from '../../lib/rollout';
import { configuredIn, temporaryFolder } from '../versions-support';

const folder = temporaryFolder();
const configured = configuredIn(folder);

function problemsOf(file: string): string[] {
  try {
    return checkConfigured(effectiveConfig(file, {}, {})).map(printProblem);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(printProblem);
    throw error;
  }
}

describe('a configuration', () => {
  it.each([
    [{ restPort: 70_000 }, undefined, /server\.json: restPort: expected to be <= 65535, got 70000/],
    [{ restPrt: 1 }, undefined, /server\.json: restPrt: is not known/],
    [{ grpcPort: true }, undefined, /server\.json: grpcPort: expected something else, got true/],
    [{ models: { 'a/b': {} } }, undefined, /server\.json: models\.a\/b: is no name for this/],
    [{ models: { a: { path: 'absent.onnx' } } }, undefined, /absent\.onnx: ENOENT/],
    [{ modelBasePath: 'absent' }, undefined, /absent: ENOENT/],
    [{ stateFile: 'absent/state.json' }, undefined, /state\.json: its folder is not there/],
    [
      { defaults: { concurrency: 0 } },
      undefined,
      /server\.json: defaults\.concurrency: expected to be >= 1, got 0/,
    ],
    [{}, '{', /sum\/config\.json: is no JSON: /],
    [
      {},
      { versionPolicy: { newest: 1 } },
      /sum\/config\.json: versionPolicy\.newest: is not known/,
    ],
    [
      {},
      { versionPolicy: { all: {}, latest: {} } },
      /config\.json: versionPolicy: expected exactly one of its forms/,
    ],
    [{}, { labels: { stable: -1 } }, /config\.json: labels\.stable: expected to be >= 0, got -1/],
    [{}, { labels: { stable: 1.5 } }, /labels\.stable: expected integer or string, got 1\.5/],
    [{}, { canary: { version: 1 } }, /config\.json: canary: expected percent/],
    [{}, { batching: { maxDelayMs: 1 } }, /batching: expected maxBatchSize or max_batch_size/],
    [
      {},
      { concurrency: 1, instances: 1 },
      /config\.json: expected only one of concurrency and instances/,
    ],
    [{}, { watch: { sample: 2 } }, /config\.json: watch\.sample: expected to be <= 1, got 2/],
    [{}, { watch: { log: {} } }, /config\.json: watch\.log: expected folder/],
    [{ defaults: { watch: { lg: 1 } } }, undefined, /defaults\.watch\.lg: is not known/],
    [{}, { watch: { drift: { method: 'guess' } } }, /watch\.drift\.method: expected to match/],
    [
      {},
      { watch: { alerts: { low: { measure: 'luck', below: 1 } } } },
      /watch\.alerts\.low\.measure: expected to be equal to one of the allowed values/,
    ],
    [
      {},
      { watch: { alerts: { low: { measure: 'auc', below: 1, above: 0 } } } },
      /watch\.alerts\.low: expected only one of below and above/,
    ],
    [
      {},
      { watch: { alerts: { low: { measure: 'auc' } } } },
      /watch\.alerts\.low: expected below or above/,
    ],
    [{}, { watch: { profile: 'none.json' } }, /1\/none\.json: watch\.profile: is not there/],
    [{}, { classLabels: 'absent.txt' }, /absent\.txt: classLabels: cannot be read: ENOENT/],
  ])('says what is wrong with %j and %j', (server, model, expected) => {
    const found = problemsOf(configured(server, model));
    expect(found.join('\n')).toMatch(expected);
    expect(found).toHaveLength(1);
  });

  it.each([
    ['{"tests": []}', /1\/tests\.json: tests: expected to NOT have fewer than 1 items/],
    ['{"tests": [{"inputs": 1}]}', /1\/tests\.json: tests\[0\]: expected outputs/],
    ['{"tests": [{"inputs": 1, "outputs": [}]}', /1\/tests\.json: .*outputs/],
    ['', /1\/tests\.json: expected an object, got the end of the JSON/],
  ])('says what is wrong with the test vectors %s', (tests, expected) => {
    const file = configured({}, undefined, { 'tests.json': tests });
    expect(problemsOf(file).join('\n')).toMatch(expected);
  });
});

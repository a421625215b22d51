import { InferenceSession, Tensor, configureRuntimes } from 'onlite';
import { addRuns, latencyOf } from 'onlite/bench';
import { observeWith, registerWith, traceWith } from 'onlite/metrics';
import { Interpreter } from 'onlite/tflite';
import { describe, expect, it } from 'vitest';

import { errorOf, expectError, fixture } from './support';

type Call = (value: never) => unknown;
/** Left out there is another one than the argument. */
const given = (value: unknown): never => (value ?? 0) as never;
const bench = { add: (): void => undefined };

describe.each<[string, Call]>([
  ['configureRuntimes', configureRuntimes],
  ['addRuns', (value) => addRuns(bench, value)],
  ['addRuns of a task', (value) => addRuns(bench, { task: value })],
  ['latencyOf', latencyOf],
  ['latencyOf a task without a result', (value) => latencyOf({ name: 'x', result: value })],
  [
    'latencyOf a task with such a sample',
    (value) => latencyOf({ name: 'x', result: { latency: { samples: [value] } } }),
  ],
  ['registerWith', registerWith],
  ['observeWith', (value) => observeWith(given(value))],
  ['traceWith', (value) => traceWith(given(value), { phases: 'none' })],
])('%s refuses what is none with a typed error:', (_, call) => {
  it.each([[null], [undefined], ['x'], [1n], [Symbol('x')]])('%s', async (value) => {
    expect((await errorOf(() => call(value as never))).code).toBe('ERR_INVALID_ARGUMENT');
  });
});

it.each([
  ['InferenceSession', InferenceSession],
  ['Interpreter', Interpreter],
])('new %s, which JavaScript may write, says what makes one', async (name, constructor) => {
  for (const values of [[], ['model.onnx'], [{}, {}], [null]]) {
    await expectError(
      () => Reflect.construct(constructor, values) as unknown,
      'ERR_INVALID_ARGUMENT',
      `new ${name}: not for programs; ${name}.create makes one`,
    );
  }
});

it.each(['run', 'runSync'] as const)('%s says that strings cannot be written', async (way) => {
  const session = await InferenceSession.create(fixture('identity_string.onnx'));
  const [x] = session.inputNames as [string];
  const [y] = session.outputNames as [string];
  const strings = (data: string[]): Tensor => new Tensor('string', data, [1, 3]);
  const frozen = strings(Object.freeze(['', '', '']) as unknown as string[]);
  await expectError(
    () => {
      const feeds = { [x]: strings(['a', 'b', 'c']) };
      const fetches = { [y]: frozen };
      return way === 'run' ? session.run(feeds, fetches) : session.runSync(feeds, fetches);
    },
    'ERR_INVALID_ARGUMENT',
    /^outputs\.\w+\.data: the array cannot be written/,
  );
  await session.release();
});

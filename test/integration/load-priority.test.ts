// Loading at a low priority: what is low meanwhile, and that nothing stays so.
import { readdirSync, readFileSync } from 'node:fs';

import { InferenceSession, Tensor, type OnliteError, type SessionOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { errorOf, expectError, fixture, model } from './support';

/** How nice each thread of this process is (proc_pid_stat(5), field 19). */
function niceness(): number[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      const text = readFileSync(`/proc/self/task/${task}/stat`, 'latin1');
      return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16]);
    } catch {
      // It has ended since.
      return [];
    }
  });
}

const models: [string, string, () => Record<string, Tensor>][] = [
  [
    'silero_vad_v5.onnx',
    model('silero_vad_v5.onnx'),
    () => ({
      input: new Tensor('float32', new Float32Array(512).fill(0.1), [1, 512]),
      state: new Tensor('float32', new Float32Array(256), [2, 1, 128]),
      sr: new Tensor('int64', BigInt64Array.of(16000n), []),
    }),
  ],
  [
    'embedding_model.tflite',
    model('embedding_model.tflite'),
    () => ({
      'serving_default_input_1:0': new Tensor(
        'float32',
        new Float32Array(76 * 32).fill(2),
        [1, 76, 32, 1],
      ),
    }),
  ],
];

async function answer(session: InferenceSession, feeds: Record<string, Tensor>) {
  const outputs = await session.run(feeds);
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
}

describe.each(models)('%s', (_, file, feeds) => {
  it.runIf(process.platform === 'linux')(
    'is loaded by a thread of lower priority, and runs on none',
    async () => {
      const options: SessionOptions = { intraOpNumThreads: 3 };
      const ordinary = await InferenceSession.create(file, options);
      const expected = await answer(ordinary, feeds());
      const [nice] = niceness();
      expect(new Set(niceness())).toEqual(new Set([nice]));
      const low = Math.min((nice ?? 0) + 10, 19);
      for (let isSeen = false; !isSeen;) {
        const loading = InferenceSession.create(file, { ...options, loadPriority: 'low' });
        let session: InferenceSession | undefined;
        const over = loading.then((loaded) => (session = loaded));
        while (session === undefined) {
          isSeen ||= niceness().includes(low);
          await Promise.race([over, new Promise((resolve) => setImmediate(resolve))]);
        }
        expect(await answer(session, feeds())).toEqual(expected);
        expect(new Set(niceness())).toEqual(new Set([nice]));
        await session.release();
      }
      await ordinary.release();
    },
  );

  it('is given up at low priority as at any other', async () => {
    const aborted = AbortSignal.abort();
    const early = InferenceSession.create(file, { loadPriority: 'low', signal: aborted });
    expect((await errorOf(() => early)).code).toBe('ERR_CANCELLED');
    const controller = new AbortController();
    const late = InferenceSession.create(file, {
      loadPriority: 'low',
      signal: controller.signal,
    }).then(
      (session) => session.release(),
      (error: unknown) => error,
    );
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    const came = await late;
    // It may have been done by then.
    if (came !== undefined) expect((came as OnliteError).code).toBe('ERR_CANCELLED');
    const session = await InferenceSession.create(file, { loadPriority: 'low' });
    await answer(session, feeds());
    await session.release();
  });
});

it('fails as at any other priority', async () => {
  const file = fixture('no-such.onnx');
  const low = await errorOf(() => InferenceSession.create(file, { loadPriority: 'low' }));
  const normal = await errorOf(() => InferenceSession.create(file, { loadPriority: 'normal' }));
  expect([low.code, low.message]).toEqual([normal.code, normal.message]);
  const damaged = readFileSync(model('silero_vad_v5.onnx')).subarray(0, 100_000);
  const errors = await Promise.all(
    (['low', 'normal'] as const).map((loadPriority) =>
      errorOf(() => InferenceSession.create(damaged, { loadPriority })),
    ),
  );
  expect(errors[0]?.message).toBe(errors[1]?.message);
});

it('is one of two', async () => {
  await expectError(
    () => InferenceSession.create(fixture('mlp.tflite'), { loadPriority: 'idle' as 'low' }),
    'ERR_INVALID_ARGUMENT',
    /options\.loadPriority: expected one of 'normal', 'low', got/,
  );
});

import { spawnSync } from 'node:child_process';

import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { errorOf, expectError, floats, model, root } from './support';

const scalar = encodeOnnx({
  inputs: [
    { name: 'a', type: float32, dims: [] },
    { name: 'b', type: float32, dims: [2] },
  ],
  outputs: [{ name: 'y', type: float32, dims: [2] }],
  nodes: [{ op: 'Mul', inputs: ['a', 'b'], outputs: ['y'] }],
});

const b = floats(3, 4);

describe('a declared ONNX scalar', () => {
  it.each([
    ['a scalar', new Tensor('float32', [2], [])],
    ['one element', new Tensor('float32', [2], [1])],
  ])('takes %s', async (_, a) => {
    await using session = await InferenceSession.create(scalar);
    const expected = Float32Array.of(6, 8);
    for (let round = 0; round < 3; round++) {
      expect((await session.run({ a, b }))['y']?.data).toEqual(expected);
      expect(session.runSync({ a, b })['y']?.data).toEqual(expected);
      const y = floats(0, 0);
      await session.run({ a, b }, { y });
      expect(y.data).toEqual(expected);
      const binding = session.bind({ inputs: { a, b } });
      binding.runSync();
      expect(binding.outputs['y']?.data).toEqual(expected);
    }
  });

  it('takes as many dimensions as the model bears', async () => {
    await using session = await InferenceSession.create(scalar);
    const a = new Tensor('float32', [2], [1, 1, 1]);
    const y = (await session.run({ a, b }))['y'];
    expect(y?.dims).toEqual([1, 1, 2]);
    expect(y?.data).toEqual(Float32Array.of(6, 8));
    const five = floats(1, 2, 3, 4, 5);
    await expectError(() => session.run({ a: five, b }), 'ERR_RUN_FAILED', /run failed/);
    await expectError(
      () => session.run({ a, b: five }),
      'ERR_SHAPE_MISMATCH',
      /^inputs\.b\.dims\[0\]: expected 2, got 5/,
    );
  });

  it('is Silero VAD’s sampling rate', async () => {
    await using session = await InferenceSession.create(model('silero_vad_legacy.onnx'));
    const feeds = (sr: Tensor): Record<string, Tensor> => ({
      input: new Tensor('float32', new Float32Array(1536).fill(0.1), [1, 1536]),
      sr,
      h: new Tensor('float32', new Float32Array(128), [2, 1, 64]),
      c: new Tensor('float32', new Float32Array(128), [2, 1, 64]),
    });
    const rate = BigInt64Array.of(16000n);
    const [expected, got] = [
      await session.run(feeds(new Tensor('int64', rate, []))),
      await session.run(feeds(new Tensor('int64', rate, [1]))),
    ];
    expect(got['output']?.data).toEqual(expected['output']?.data);
  });
});

it('a run that fails says so once: nothing is written to stderr', async () => {
  await using session = await InferenceSession.create(scalar);
  const error = await errorOf(() => session.run({ a: floats(1, 2, 3), b }));
  expect(String(error.cause)).toMatch(/Mul/);
  const program = `
    const { InferenceSession, Tensor } = require('onlite');
    const t = (...data) => new Tensor('float32', data);
    (async () => {
      const session = await InferenceSession.create(Buffer.from('${Buffer.from(scalar).toString('base64')}', 'base64'));
      await session.run({ a: t(1, 2, 3), b: t(1, 2) }).catch((error) => console.log(error.code));
      try { session.runSync({ a: t(1, 2, 3), b: t(1, 2) }); } catch (error) { console.log(error.code); }
      await InferenceSession.create(Buffer.from('CAg=', 'base64')).catch((error) => console.log(error.code));
      await session.release();
    })();`;
  const child = spawnSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8' });
  expect(child.stderr).toBe('');
  expect(child.stdout).toBe('ERR_RUN_FAILED\nERR_RUN_FAILED\nERR_MODEL_INVALID\n');
});

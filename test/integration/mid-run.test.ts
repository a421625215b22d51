import { InferenceSession, Tensor, TensorPool } from 'onlite';
import { describe, expect, it } from 'vitest';

import { fixturePath } from '../fixtures/load';
import { expectError, fixture, floats } from './support';

/* What JavaScript does to feeds while they are read, and while the run is under way. */

const count = 200_000;
const rounds = 20;

const numbersOf = (tensor: Tensor | undefined): number[] => [...(tensor?.data as Float32Array)];

describe.each([
  ['a pool', {}],
  ['a shared pool', { shared: true }],
])('a condition in %s that changes in mid-run', (_, poolOptions) => {
  function conditions(): { x: Tensor<'float32'>; m: Tensor<'bool'> } {
    const pool = new TensorPool(poolOptions);
    const x = pool.acquire('float32', [count]);
    x.data.set(Float32Array.from({ length: count }, (__, index) => index));
    return { x, m: pool.acquire('bool', [count]) };
  }

  it('is the one that run was called with', async () => {
    await using session = await InferenceSession.create(fixturePath('ways/compress.onnx'));
    const { x, m } = conditions();
    for (let round = 0; round < rounds; round++) {
      m.data.fill(0);
      m.data[round] = 1;
      const running = session.run({ x, m });
      m.data.fill(1);
      expect(numbersOf((await running)['y'])).toEqual([round]);
    }
  });

  it('is the one that a bound run was called with', async () => {
    await using session = await InferenceSession.create(fixturePath('ways/compress.onnx'));
    const { x, m } = conditions();
    using io = session.bind({ inputs: { x, m }, outputs: { y: 'dynamic' } });
    for (let round = 0; round < rounds; round++) {
      m.data.fill(0);
      m.data[round] = 1;
      const running = io.run();
      m.data.fill(1);
      await running;
      expect(numbersOf(io.outputs['y'])).toEqual([round]);
    }
    io.runSync();
    expect(io.outputs['y']?.dims).toEqual([count]);
  });
});

describe.each(['add4.onnx', 'add4.tflite'])('a getter on the feeds of %s', (file) => {
  it('that detaches another feed, or throws, leaves the next runs whole', async () => {
    await using session = await InferenceSession.create(fixture(file));
    const [a = '', b = ''] = session.inputNames;
    const [sum = ''] = session.outputNames;
    const detaching = (): Record<string, Tensor> => {
      const first = floats(1, 2, 3, 4);
      return {
        [a]: first,
        get [b]() {
          structuredClone(first.data.buffer, { transfer: [first.data.buffer as ArrayBuffer] });
          return floats(1, 1, 1, 1);
        },
      };
    };
    const throwing = {
      [a]: floats(1, 2, 3, 4),
      get [b](): Tensor {
        throw new Error('mine');
      },
    };
    const other = new Tensor('int64', [1, 2, 3, 4]);
    Object.defineProperty(other, 'type', { value: 'float32' });
    for (let round = 0; round < 100; round++) {
      await expectError(() => session.run(detaching()), 'ERR_BUFFER_DETACHED', /^inputs\./);
      await expectError(() => session.runSync(detaching()), 'ERR_BUFFER_DETACHED', /^inputs\./);
      await expect(session.run(throwing)).rejects.toThrow('mine');
      expect(() => session.runSync(throwing)).toThrow('mine');
      const punned = { [a]: floats(1, 2, 3, 4), [b]: other };
      await expectError(() => session.run(punned), 'ERR_TYPE_MISMATCH', /^inputs\./);
      const feeds = { [a]: floats(1, 2, 3, 4), [b]: floats(1, 1, 1, 1) };
      expect(numbersOf(session.runSync(feeds)[sum])).toEqual([2, 3, 4, 5]);
      expect(numbersOf((await session.run(feeds))[sum])).toEqual([2, 3, 4, 5]);
    }
  });

  it('that runs the session in between disturbs nothing', async () => {
    await using session = await InferenceSession.create(fixture(file));
    const [a = '', b = ''] = session.inputNames;
    const [sum = ''] = session.outputNames;
    const feeds = {
      [a]: floats(1, 2, 3, 4),
      get [b]() {
        const nines = floats(9, 9, 9, 9);
        expect(numbersOf(session.runSync({ [a]: nines, [b]: nines })[sum])).toEqual([
          18, 18, 18, 18,
        ]);
        return floats(1, 1, 1, 1);
      },
    };
    for (let round = 0; round < 100; round++) {
      expect(numbersOf(session.runSync(feeds)[sum])).toEqual([2, 3, 4, 5]);
      expect(numbersOf((await session.run(feeds))[sum])).toEqual([2, 3, 4, 5]);
    }
  });
});

import { InferenceSession, Tensor, type DeviceTensor, type IoBinding } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { provider, whyNoDevice } from './device-support';
import { expectError, floats } from './support';

/* Runs that CUDA captures in a graph and replays, which must give what others give. */

const option = { cuda: 'enable_cuda_graph', tensorrt: 'trt_cuda_graph_enable' }[provider];
const reason = option === undefined ? `'${provider}' has no CUDA graphs` : await whyNoDevice();

/** next = state + x, y = next · next. */
const adder = (dims: readonly (number | string)[]): Uint8Array =>
  encodeOnnx({
    inputs: ['x', 'state'].map((name) => ({ name, type: float32, dims: [...dims] })),
    outputs: ['y', 'next'].map((name) => ({ name, type: float32, dims: [...dims] })),
    nodes: [
      { op: 'Add', inputs: ['state', 'x'], outputs: ['next'] },
      { op: 'Mul', inputs: ['next', 'next'], outputs: ['y'] },
    ],
  });

/** present = concat(past, x) along the first dim. */
const cache = encodeOnnx({
  inputs: [
    { name: 'x', type: float32, dims: [1, 2] },
    { name: 'past', type: float32, dims: ['t', 2] },
  ],
  outputs: [{ name: 'present', type: float32, dims: ['t + 1', 2] }],
  nodes: [{ op: 'Concat', inputs: ['past', 'x'], outputs: ['present'], attributes: { axis: 0 } }],
});

/** y = x reshaped, by a shape that the processor reads. */
const reshaper = encodeOnnx({
  inputs: [
    { name: 'x', type: float32, dims: [4] },
    { name: 'shape', type: 7, dims: [2] },
  ],
  outputs: [{ name: 'y', type: float32, dims: ['a', 'b'] }],
  nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
});

const create = (model: Uint8Array): Promise<InferenceSession> =>
  InferenceSession.create(model, {
    executionProviders: [{ name: provider, [option ?? '']: '1' }],
  });

const values = (tensor: unknown): number[] =>
  Array.from((tensor as Tensor<'float32'>).data, Number);

const copied = async (tensor: unknown): Promise<number[]> =>
  values(await (tensor as DeviceTensor).copyToHost());

const write = (io: IoBinding, name: string, ...elements: number[]): void => {
  (io.inputs[name]!.data as Float32Array).set(elements);
};

const runs: [string, (io: IoBinding) => Promise<void> | void][] = [
  ['runSync', (io) => io.runSync()],
  ['run', (io) => io.run()],
  ['run with a signal', (io) => io.run({ signal: new AbortController().signal })],
];

const skipped = reason === undefined ? '' : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`graphs of ${provider}${skipped}`, () => {
  describe.each(runs)('by %s', (_, run) => {
    it.each([
      ['of fixed dims', [2]],
      ['of dynamic dims', ['n']],
    ])('give what the inputs make of them at each run: %s', async (_name, dims) => {
      await using session = await create(adder(dims));
      using io = session.bind({ dims: { n: 2 }, outputs: { y: 'dynamic' } });
      for (let step = 0; step < 8; step++) {
        write(io, 'x', step, 10 * step);
        write(io, 'state', 1, 2);
        await run(io);
        expect(values(io.outputs['next'])).toEqual([1 + step, 2 + 10 * step]);
        expect(values(io.outputs['y'])).toEqual([(1 + step) ** 2, (2 + 10 * step) ** 2]);
      }
    });

    it('read and write other tensors of the same shape', async () => {
      await using session = await create(adder([2]));
      using io = session.bind({ inputs: { state: floats(0, 0) } });
      for (let step = 0; step < 6; step++) {
        io.setInput('x', floats(step, 1));
        const next = floats(9, 9);
        io.setOutput('next', next);
        await run(io);
        expect(values(next)).toEqual([step, 1]);
      }
    });

    it.each(['device', 'host'])('carry state in the memory of the %s', async (where) => {
      await using session = await create(adder([2]));
      using io = session.bind({
        inputs: { state: floats(100, 200) },
        outputs: where === 'device' ? { next: { location: 'device' } } : {},
        carry: { next: 'state' },
      });
      for (let round = 0; round < 2; round++) {
        for (let step = 1; step <= 6; step++) {
          write(io, 'x', step, -step);
          await run(io);
          const sum = (step * (step + 1)) / 2;
          expect(values(io.outputs['y'])).toEqual([(100 + sum) ** 2, (200 - sum) ** 2]);
          if (where === 'host') {
            expect(values(io.outputs['next'])).toEqual([100 + sum, 200 - sum]);
            continue;
          }
          expect(await copied(io.outputs['next'])).toEqual([100 + sum, 200 - sum]);
          if (step > 1) {
            expect(await copied(io.inputs['state'])).toEqual([100 + sum - step, 200 - sum + step]);
          }
        }
        io.resetCarry();
      }
    });
  });

  it('are of one binding at a time', async () => {
    await using session = await create(adder([2]));
    const io = session.bind();
    io.runSync();
    await expectError(() => session.bind(), 'ERR_UNSUPPORTED', /one binding at a time/);
    io.dispose();
    using other = session.bind();
    for (let step = 0; step < 4; step++) {
      write(other, 'x', step, 1);
      write(other, 'state', 1, 1);
      await other.run();
      expect(values(other.outputs['next'])).toEqual([1 + step, 2]);
    }
  });

  it('are beside runs that are not captured', async () => {
    await using session = await create(adder([2]));
    using io = session.bind();
    write(io, 'state', 0, 0);
    for (let step = 0; step < 6; step++) {
      write(io, 'x', step, 1);
      const feeds = { x: floats(step, 2), state: floats(1, step) };
      const results = [await session.run(feeds), session.runSync(feeds)];
      await io.run();
      results.push(await session.run(feeds));
      for (const { next } of results) expect(values(next)).toEqual([step + 1, step + 2]);
      expect(values(io.outputs['next'])).toEqual([step, 1]);
    }
    await expectError(
      () => session.run({ x: floats(1, 2), state: floats(1, 2) }, { extra: { gpu_graph_id: '1' } }),
      'ERR_UNSUPPORTED',
      /gpu_graph_id/,
    );
  });

  it('are captured beside sessions that run, come and go', async () => {
    const lane = async (index: number): Promise<void> => {
      for (let round = 0; round < 12; round++) {
        await using session =
          index % 3 === 0
            ? await InferenceSession.create(adder([2]), { executionProviders: [provider] })
            : await create(adder([2]));
        using io = session.bind();
        for (let step = 0; step < 10; step++) {
          write(io, 'x', index, step);
          write(io, 'state', step, 1);
          await io.run();
          expect(values(io.outputs['next'])).toEqual([index + step, step + 1]);
          const { next } = await session.run({ x: floats(index, 1), state: floats(1, step) });
          expect(values(next)).toEqual([index + 1, step + 1]);
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, (_, index) => lane(index)));
  });

  it('have one shape', async () => {
    await using session = await create(adder(['n']));
    using io = session.bind({ dims: { n: 2 } });
    io.setInput('x', floats(1, 2, 3));
    io.setInput('x', floats(1, 2));
    await io.run();
    await io.run();
    await expectError(() => io.setInput('x', floats(1, 2, 3)), 'ERR_UNSUPPORTED', /captured with/);
    expect(() => io.setOutput('y', floats(1, 2, 3))).not.toThrow();
    await expectError(() => io.run(), 'ERR_SHAPE_MISMATCH', /outputs\.y\.dims/);
    io.setOutput('y', floats(0, 0));
    write(io, 'state', 0, 0);
    for (let step = 0; step < 3; step++) {
      await io.run();
      expect(values(io.outputs['y'])).toEqual([1, 4]);
    }
  });

  it('cannot grow, nor be where the processor has a part', async () => {
    await using growing = await create(cache);
    using io = growing.bind({
      inputs: { x: floats(1, 2).reshape([1, 2]), past: floats(3, 4).reshape([1, 2]) },
      outputs: { present: { location: 'device' } },
      carry: { present: 'past' },
    });
    await io.run();
    expect(await copied(io.outputs['present'])).toEqual([3, 4, 1, 2]);
    await expectError(() => io.run(), 'ERR_UNSUPPORTED', /past\.dims/);
    const mixed = await create(reshaper).catch((error: unknown) => error as { code: string });
    if (!(mixed instanceof InferenceSession)) {
      expect(mixed.code).toBe('ERR_PROVIDER_UNAVAILABLE');
      return;
    }
    const shape = new Tensor('int64', [2n, 2n]);
    await expectError(
      () => mixed.bind({ inputs: { x: floats(1, 2, 3, 4), shape } }),
      'ERR_UNSUPPORTED',
      /inputs\.shape: .* processor's memory/,
    );
    await mixed.release();
  });
});

import { InferenceSession, Tensor, type DeviceTensor, type IoBinding } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { expectError, fixture, floats } from './support';
import { provider as device, whyNoDevice } from './device-support';

/* Outputs that stay where the model has run, which must be the same on a device and without. */

const reason = await whyNoDevice();

/** next = state + x, y = next · next. */
const adder = encodeOnnx({
  inputs: ['x', 'state'].map((name) => ({ name, type: float32, dims: [2] })),
  outputs: ['y', 'next'].map((name) => ({ name, type: float32, dims: [2] })),
  nodes: [
    { op: 'Add', inputs: ['state', 'x'], outputs: ['next'] },
    { op: 'Mul', inputs: ['next', 'next'], outputs: ['y'] },
  ],
});

/** present = concat(past, x) along the first dim, sums = present + present. */
const cache = encodeOnnx({
  inputs: [
    { name: 'x', type: float32, dims: [1, 2] },
    { name: 'past', type: float32, dims: ['t', 2] },
  ],
  outputs: ['present', 'sums'].map((name) => ({ name, type: float32, dims: ['t + 1', 2] })),
  nodes: [
    { op: 'Concat', inputs: ['past', 'x'], outputs: ['present'], attributes: { axis: 0 } },
    { op: 'Add', inputs: ['present', 'present'], outputs: ['sums'] },
  ],
});

const values = (tensor: unknown): number[] =>
  Array.from((tensor as Tensor<'float32'>).data, Number);

/** What an output or input of a binding holds on the device. */
async function copied(tensors: Readonly<Record<string, unknown>>, name: string): Promise<number[]> {
  const tensor = tensors[name] as DeviceTensor;
  expect({ location: tensor.location, type: tensor.type }).toEqual({
    location: 'device',
    type: 'float32',
  });
  return values(await tensor.copyToHost());
}

const runs: [string, (io: IoBinding) => Promise<void> | void][] = [
  ['runSync', (io) => io.runSync()],
  ['run', (io) => io.run()],
  ['run with a signal', (io) => io.run({ signal: new AbortController().signal })],
];

const onDevice = { location: 'device' } as const;

describe.each(['cpu', device])('outputs that stay on the device: %s', (provider) => {
  const isMissing = provider === device && reason !== undefined;
  const create = (model: Uint8Array): Promise<InferenceSession> =>
    InferenceSession.create(model, { executionProviders: [provider] });

  describe.skipIf(isMissing).each(runs)(
    `by %s${isMissing ? ` (skipped: ${reason})` : ''}`,
    (_, run) => {
      it('are copied when they are asked for, beside others', async () => {
        await using session = await create(adder);
        using io = session.bind({ outputs: { next: onDevice } });
        await expectError(
          () => copied(io.outputs, 'next'),
          'ERR_INVALID_ARGUMENT',
          /no run has given any yet/,
        );
        for (let step = 0; step < 3; step++) {
          (io.inputs['x']!.data as Float32Array).set([step, -step]);
          (io.inputs['state']!.data as Float32Array).set([1, 10]);
          await run(io);
          expect(values(io.outputs['y'])).toEqual([(1 + step) ** 2, (10 - step) ** 2]);
          for (let time = 0; time < 2; time++) {
            expect(await copied(io.outputs, 'next')).toEqual([1 + step, 10 - step]);
          }
        }
      });

      it('are carried, and begun anew', async () => {
        await using session = await create(adder);
        using io = session.bind({
          inputs: { state: floats(100, 200) },
          outputs: { next: onDevice },
          carry: { next: 'state' },
        });
        for (let round = 0; round < 2; round++) {
          for (let step = 1; step <= 6; step++) {
            (io.inputs['x']!.data as Float32Array).set([step, -step]);
            await run(io);
            const sum = (step * (step + 1)) / 2;
            expect(values(io.outputs['y'])).toEqual([(100 + sum) ** 2, (200 - sum) ** 2]);
            if (step % 2 > 0) continue;
            expect(await copied(io.outputs, 'next')).toEqual([100 + sum, 200 - sum]);
            expect(await copied(io.inputs, 'state')).toEqual([100 + sum - step, 200 - sum + step]);
          }
          io.resetCarry();
          expect(values(io.inputs['state'])).toEqual([100, 200]);
        }
        io.setInput('state', floats(0, 0));
        await run(io);
        expect(await copied(io.outputs, 'next')).toEqual([6, -6]);
      });

      it('may grow', async () => {
        await using session = await create(cache);
        using io = session.bind({
          inputs: { x: floats(0, 0).reshape([1, 2]), past: new Tensor('float32', [], [0, 2]) },
          outputs: { present: onDevice },
          carry: { present: 'past' },
        });
        const wanted: number[] = [];
        for (let step = 1; step <= 6; step++) {
          (io.inputs['x']!.data as Float32Array).set([step, -step]);
          wanted.push(step, -step);
          await run(io);
          expect(values(io.outputs['sums'])).toEqual(wanted.map((value) => 2 * value));
        }
        expect(await copied(io.outputs, 'present')).toEqual(wanted);
      });
    },
  );

  it.skipIf(isMissing)('are busy while they are copied, and survive what follows', async () => {
    const session = await create(adder);
    const io = session.bind({
      inputs: { x: floats(1, 2), state: floats(3, 4) },
      outputs: { next: onDevice },
    });
    await io.run();
    const tensor = io.outputs['next'] as unknown as DeviceTensor;
    const copy = tensor.copyToHost();
    await expectError(() => tensor.copyToHost(), 'ERR_BUSY', /in flight/);
    await expectError(() => io.runSync(), 'ERR_BUSY', /in flight/);
    expect(values(await copy)).toEqual([4, 6]);
    io.setOutput('next', floats(9, 9));
    io.runSync();
    expect(values(io.outputs['next'])).toEqual([4, 6]);
    io.dispose();
    await session.release();
    await expectError(() => tensor.copyToHost(), 'ERR_SESSION_RELEASED', /released/);
  });

  it.skipIf(isMissing)('of several sessions are copied and freed side by side', async () => {
    await Promise.all(
      [1, 2, 3].map(async (index) => {
        for (let round = 0; round < 3; round++) {
          const session = await create(adder);
          const io = session.bind({ outputs: { next: onDevice }, carry: { next: 'state' } });
          (io.inputs['x']!.data as Float32Array).set([index, round]);
          for (let step = 1; step <= 10; step++) {
            await io.run();
            expect(await copied(io.outputs, 'next')).toEqual([index * step, round * step]);
          }
          if (round > 0) io.dispose();
          await session.release();
        }
      }),
    );
  });
});

it('is not for TensorFlow Lite, nor for what is no tensor of numbers', async () => {
  await using lite = await InferenceSession.create(fixture('add4.tflite'));
  const [name = ''] = lite.outputNames;
  await expectError(
    () => lite.bind({ outputs: { [name]: onDevice } }),
    'ERR_UNSUPPORTED',
    /TensorFlow Lite/,
  );
  await using strings = await InferenceSession.create(fixture('identity_string.onnx'));
  const outputs = Object.fromEntries(strings.outputNames.map((output) => [output, onDevice]));
  const inputs = Object.fromEntries(
    strings.inputMetadata.map((input) => [
      input.name,
      new Tensor('string', ['a', 'b', 'c'], [1, 3]),
    ]),
  );
  await expectError(() => strings.bind({ inputs, outputs }), 'ERR_UNSUPPORTED', /device/);
});

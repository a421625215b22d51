import { InferenceSession, Tensor, TensorPool, type IoBinding } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32, int64 } from './onnx-encoder';
import { errorOf, expectError, fixture, floats } from './support';

type Run = (io: IoBinding) => Promise<void> | void;
const ways: [string, Run][] = [
  ['runSync', (io) => io.runSync()],
  ['run', (io) => io.run()],
  ['run with a signal', (io) => io.run({ signal: new AbortController().signal })],
];

const valuesOf = (tensor: Tensor | undefined): number[] =>
  Array.from(tensor!.data as Float32Array, Number);

/** next = state + x, y = next · 2. */
const adder = (type = float32, dims: (number | string)[] = [2]): Uint8Array =>
  encodeOnnx({
    inputs: [
      { name: 'x', type, dims },
      { name: 'state', type, dims },
    ],
    outputs: [
      { name: 'y', type, dims },
      { name: 'next', type, dims },
    ],
    nodes: [
      { op: 'Add', inputs: ['state', 'x'], outputs: ['next'] },
      { op: 'Add', inputs: ['next', 'next'], outputs: ['y'] },
    ],
  });

/** present = concat(past, x) along the first dim: a cache that grows. */
const cache = (): Uint8Array =>
  encodeOnnx({
    inputs: [
      { name: 'x', type: float32, dims: [1, 2] },
      { name: 'past', type: float32, dims: ['t', 2] },
    ],
    outputs: [{ name: 'present', type: float32, dims: ['t + 1', 2] }],
    nodes: [{ op: 'Concat', inputs: ['past', 'x'], outputs: ['present'], attributes: { axis: 0 } }],
  });

/** The cache with nothing in it, x being [1, 2]. */
const bindCache = (session: InferenceSession): IoBinding =>
  session.bind({
    inputs: { x: floats(1, 2).reshape([1, 2]), past: new Tensor('float32', [], [0, 2]) },
    carry: { present: 'past' },
  });

describe.each(ways)('carried state by %s', (_, run) => {
  it('is zeros at first, the last output then, and zeros again after resetCarry', async () => {
    const session = await InferenceSession.create(adder());
    const io = session.bind({ carry: { next: 'state' } });
    for (let round = 0; round < 3; round++) {
      const sums = [0, 0];
      for (let step = 1; step <= 200; step++) {
        (io.inputs['x']!.data as Float32Array).set([step, -step]);
        await run(io);
        sums[0]! += step;
        sums[1]! -= step;
        expect(valuesOf(io.outputs['next'])).toEqual(sums);
        expect(valuesOf(io.outputs['y'])).toEqual(sums.map((sum) => 2 * sum));
      }
      io.resetCarry();
    }
    io.dispose();
    await session.release();
  });

  it('begins with what the input is bound to, in memory of any kind', async () => {
    const session = await InferenceSession.create(adder());
    const pool = new TensorPool();
    const shared = new Tensor('float32', new Float32Array(new SharedArrayBuffer(8)), [2]);
    const kinds: [Tensor, Tensor | undefined][] = [
      [floats(10, 20), undefined],
      [floats(10, 20), floats(0, 0)],
      [pool.acquire('float32', [2]), floats(0, 0)],
      [floats(10, 20), pool.acquire('float32', [2])],
      [shared, pool.acquire('float32', [2])],
      [pool.acquire('float32', [2]), shared],
    ];
    for (const [state, next] of kinds) {
      (state.data as Float32Array).set([10, 20]);
      const io = session.bind({
        inputs: { x: floats(1, 2), state },
        outputs: next === undefined ? {} : { next },
        carry: { next: 'state' },
      });
      for (const reset of [false, true]) {
        if (reset) io.resetCarry();
        for (let step = 1; step <= 5; step++) {
          await run(io);
          expect(valuesOf(io.outputs['next'])).toEqual([10 + step, 20 + 2 * step]);
        }
      }
      io.dispose();
      if (state !== shared) state.dispose();
      if (next !== shared) next?.dispose();
    }
    expect(pool.stats.bytesInUse).toBe(0);
    await session.release();
  });

  it('begins with an object that is not our tensor', async () => {
    const session = await InferenceSession.create(adder());
    const state = { type: 'float32', dims: [2], data: Float32Array.of(10, 20) } as const;
    const io = session.bind({ inputs: { x: floats(1, 2), state }, carry: { next: 'state' } });
    for (const reset of [false, true]) {
      if (reset) io.resetCarry();
      for (let step = 1; step <= 5; step++) {
        await run(io);
        expect(valuesOf(io.outputs['next'])).toEqual([10 + step, 20 + 2 * step]);
      }
    }
    io.dispose();
    await session.release();
  });

  it('may grow', async () => {
    const session = await InferenceSession.create(cache());
    const io = bindCache(session);
    for (let round = 0; round < 2; round++) {
      const expected: number[] = [];
      for (let step = 1; step <= 20; step++) {
        (io.inputs['x']!.data as Float32Array).set([step, -step]);
        await run(io);
        expected.push(step, -step);
        expect(io.outputs['present']!.dims).toEqual([step, 2]);
        expect(valuesOf(io.outputs['present'])).toEqual(expected);
      }
      io.resetCarry();
    }
    io.dispose();
    await session.release();
  });

  // add4.tflite: y = a + b.
  it.each(['add4.onnx', 'add4.tflite'])(
    'stays with the runtime where the output is dynamic, and can be seen: %s',
    async (name) => {
      const session = await InferenceSession.create(fixture(name));
      const [a, b] = session.inputNames as [string, string];
      const [y] = session.outputNames as [string];
      const pool = new TensorPool();
      const initial = pool.acquire('float32', [4]);
      initial.data.fill(5);
      const io = session.bind({
        inputs: { [a]: floats(1, 2, 3, 4), [b]: initial },
        outputs: { [y]: 'dynamic' },
        carry: { [y]: b },
      });
      const after = (steps: number, start = 5): number[] =>
        [1, 2, 3, 4].map((value) => start + steps * value);
      expect(io.outputs[y]).toBeUndefined();
      expect(io.inputs[b]).toBe(initial);
      const seen: (Tensor | undefined)[] = [];
      for (let step = 1; step <= 12; step++) {
        await run(io);
        // Not looked at after every run.
        if (step % 3 === 0) {
          seen[step] = io.outputs[y];
          expect(io.outputs[y]).toBe(seen[step]);
        }
        if (step % 4 === 0) expect(valuesOf(io.inputs[b])).toEqual(after(step - 1));
        expect(Object.keys(io.outputs)).toEqual([y]);
      }
      // What was read stays as it was.
      seen.forEach((tensor, step) => expect(valuesOf(tensor)).toEqual(after(step)));
      // Before and after the state has become the input's.
      expect(valuesOf(io.outputs[y])).toEqual(after(12));
      expect(valuesOf(io.inputs[b])).toEqual(after(11));
      // The pool's tensor is used no more.
      initial.dispose();
      expect(pool.stats.bytesInUse).toBe(0);

      io.resetCarry();
      expect(valuesOf(io.inputs[b])).toEqual([5, 5, 5, 5]);
      await run(io);
      await run(io);
      expect(valuesOf(io.outputs[y])).toEqual(after(2));
      io.setInput(b, floats(0, 0, 0, 0));
      await run(io);
      expect(valuesOf(io.outputs[y])).toEqual(after(1, 0));
      await run(io);
      // Memory of the program's from now on; the state is not lost.
      const own = floats(0, 0, 0, 0);
      io.setOutput(y, own);
      for (let step = 3; step <= 6; step++) {
        await run(io);
        expect(valuesOf(io.outputs[y])).toEqual(after(step, 0));
      }
      expect([valuesOf(io.inputs[b]), valuesOf(io.outputs[y])]).toContainEqual(valuesOf(own));
      io.dispose();
      await session.release();
    },
  );

  it('is the same where the graph gives the input back', async () => {
    const session = await InferenceSession.create(
      encodeOnnx({
        inputs: [{ name: 'x', type: float32, dims: [2] }],
        outputs: [
          { name: 'x', type: float32, dims: [2] },
          { name: 'y', type: float32, dims: [2] },
        ],
        nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      }),
    );
    const io = session.bind({
      inputs: { x: floats(7, 8) },
      outputs: { x: 'dynamic', y: 'dynamic' },
      carry: { x: 'x' },
    });
    for (let step = 0; step < 6; step++) {
      await run(io);
      expect(valuesOf(io.outputs['y'])).toEqual([14, 16]);
      expect(valuesOf(io.outputs['x'])).toEqual([7, 8]);
    }
    io.dispose();
    await session.release();
  });

  it('is carried all together or not at all', async () => {
    const state = (name: string) => ({ name, type: float32, dims: [1] });
    const session = await InferenceSession.create(
      encodeOnnx({
        inputs: [state('a'), state('b')],
        outputs: [state('a2'), state('b2')],
        nodes: [
          { op: 'Add', inputs: ['a', 'a'], outputs: ['a2'] },
          { op: 'Add', inputs: ['b', 'b'], outputs: ['b2'] },
        ],
      }),
    );
    const lost = new Float32Array(1);
    const io = session.bind({
      inputs: { a: floats(1), b: floats(1) },
      outputs: { a2: floats(0), b2: new Tensor('float32', lost, [1]) },
      carry: { a2: 'a', b2: 'b' },
    });
    await run(io);
    structuredClone(lost.buffer, { transfer: [lost.buffer] });
    await expectError(() => run(io), 'ERR_BUFFER_DETACHED', /outputs\.b2/);
    await expectError(() => run(io), 'ERR_BUFFER_DETACHED', /outputs\.b2/);
    expect(valuesOf(io.outputs['a2'])).toEqual([2]);
    // The state that was lost is given anew, and so is where it goes.
    io.setInput('b', floats(5));
    io.setOutput('b2', floats(0));
    await run(io);
    expect(valuesOf(io.outputs['a2'])).toEqual([4]);
    expect(valuesOf(io.outputs['b2'])).toEqual([10]);
    await run(io);
    expect(valuesOf(io.outputs['a2'])).toEqual([8]);
    io.dispose();
    await session.release();
  });

  it.each(['add4.onnx', 'add4.tflite'])(
    'leaves the tensors alone that it begins with: %s',
    async (name) => {
      const session = await InferenceSession.create(fixture(name));
      const [a, b] = session.inputNames as [string, string];
      const [y] = session.outputNames as [string];
      const one = floats(1, 1, 1, 1);
      // The same tensor for both inputs, and for two bindings.
      const ios = [0, 1].map(() =>
        session.bind({ inputs: { [a]: one, [b]: one }, carry: { [y]: b } }),
      );
      for (const io of ios) {
        for (let step = 1; step <= 5; step++) {
          await run(io);
          expect(valuesOf(io.outputs[y])).toEqual(Array(4).fill(1 + step));
        }
        io.setInput(b, one);
        for (let step = 1; step <= 3; step++) {
          await run(io);
          expect(valuesOf(io.outputs[y])).toEqual(Array(4).fill(1 + step));
        }
        // The state stays where the output gets other memory.
        io.setOutput(y, floats(0, 0, 0, 0));
        await run(io);
        expect(valuesOf(io.outputs[y])).toEqual([5, 5, 5, 5]);
        io.resetCarry();
        await run(io);
        expect(valuesOf(io.outputs[y])).toEqual([2, 2, 2, 2]);
        expect(valuesOf(one)).toEqual([1, 1, 1, 1]);
      }
      for (const io of ios) io.dispose();
      await session.release();
    },
  );

  it('that grows is as it was when a tensor is refused', async () => {
    const session = await InferenceSession.create(cache());
    const io = bindCache(session);
    const wrong = new Tensor('int32', new Int32Array(2), [1, 2]);
    for (let step = 1; step <= 6; step++) {
      await run(io);
      if (step === 2)
        await expectError(() => io.setOutput('present', wrong), 'ERR_TYPE_MISMATCH', /present/);
      if (step === 4)
        await expectError(() => io.setInput('past', wrong), 'ERR_TYPE_MISMATCH', /past/);
      expect(io.outputs['present']!.dims).toEqual([step, 2]);
    }
    await run(io);
    io.dispose();
    await expectError(() => io.outputs['present'], 'ERR_TENSOR_DISPOSED', /disposed/);
    await session.release();
  });

  it('of 64-bit integers is carried as others', async () => {
    const session = await InferenceSession.create(adder(int64));
    const io = session.bind({ carry: { next: 'state' } });
    (io.inputs['x']!.data as BigInt64Array).fill(3n);
    for (let step = 1n; step <= 10n; step++) {
      await run(io);
      expect((io.outputs['next']!.data as BigInt64Array)[0]).toBe(3n * step);
    }
    io.dispose();
    await session.release();
  });

  it('is what setInput says', async () => {
    const session = await InferenceSession.create(adder());
    const io = session.bind({ inputs: { x: floats(1, 1) }, carry: { next: 'state' } });
    await run(io);
    await run(io);
    io.setInput('state', floats(100, 200));
    await run(io);
    expect(valuesOf(io.outputs['next'])).toEqual([101, 201]);
    await run(io);
    expect(valuesOf(io.outputs['next'])).toEqual([102, 202]);
    io.dispose();
    await session.release();
  });

  // add4.tflite: y = a + b.
  it.each(['add4.onnx', 'add4.tflite'])('is the same by hand: %s', async (name) => {
    const session = await InferenceSession.create(fixture(name));
    const [a, b] = session.inputNames as [string, string];
    const [y] = session.outputNames as [string];
    const io = session.bind({ inputs: { [a]: floats(1, 2, 3, 4) }, carry: { [y]: b } });
    let state = floats(0, 0, 0, 0);
    for (let step = 0; step < 150; step++) {
      await run(io);
      const result = await session.run({ [a]: floats(1, 2, 3, 4), [b]: state });
      state = result[y] as Tensor<'float32'>;
      expect(valuesOf(io.outputs[y])).toEqual(valuesOf(state));
    }
    io.resetCarry();
    await run(io);
    expect(valuesOf(io.outputs[y])).toEqual([1, 2, 3, 4]);
    io.dispose();
    await session.release();
  });
});

describe('options.carry', () => {
  it('stays as it was when a run fails', async () => {
    // next = state[i]
    const session = await InferenceSession.create(
      encodeOnnx({
        inputs: [
          { name: 'i', type: int64, dims: [2] },
          { name: 'state', type: float32, dims: [2] },
        ],
        outputs: [{ name: 'next', type: float32, dims: [2] }],
        nodes: [{ op: 'Gather', inputs: ['state', 'i'], outputs: ['next'] }],
      }),
    );
    const io = session.bind({ inputs: { state: floats(1, 2) }, carry: { next: 'state' } });
    const i = io.inputs['i']!.data as BigInt64Array;
    i.set([1n, 0n]);
    io.runSync();
    expect(valuesOf(io.outputs['next'])).toEqual([2, 1]);
    i.set([9n, 0n]);
    expect((await errorOf(() => io.runSync())).code).toBe('ERR_RUN_FAILED');
    expect((await errorOf(() => io.run())).code).toBe('ERR_RUN_FAILED');
    i.set([0n, 0n]);
    await io.run();
    expect(valuesOf(io.outputs['next'])).toEqual([2, 2]);
    io.dispose();
    await session.release();
  });

  it.each([
    [7, 'ERR_INVALID_ARGUMENT', 'options.carry: '],
    [[], 'ERR_INVALID_ARGUMENT', 'options.carry: '],
    [{ nothing: 'state' }, 'ERR_INVALID_ARGUMENT', 'options.carry: expected keys of y, next'],
    [{ next: 'nothing' }, 'ERR_INVALID_ARGUMENT', 'options.carry.next: expected one of x, state'],
    [{ next: 7 }, 'ERR_INVALID_ARGUMENT', 'options.carry.next: '],
    [{ next: 'state', y: 'state' }, 'ERR_INVALID_ARGUMENT', 'options.carry.y: expected one of x'],
  ])('%j is refused', async (carry, code, message) => {
    const session = await InferenceSession.create(adder());
    const error = await errorOf(() => session.bind({ carry } as never));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    await session.release();
  });

  it('is refused where types or shapes do not fit', async () => {
    const session = await InferenceSession.create(
      encodeOnnx({
        inputs: [{ name: 'x', type: float32, dims: [2, 3] }],
        outputs: [
          { name: 'y', type: float32, dims: [3, 2] },
          { name: 'z', type: int64, dims: [2] },
        ],
        nodes: [
          { op: 'Transpose', inputs: ['x'], outputs: ['y'] },
          { op: 'Shape', inputs: ['x'], outputs: ['z'] },
        ],
      }),
    );
    await expectError(() => session.bind({ carry: { y: 'x' } }), 'ERR_INVALID_ARGUMENT', /shape/);
    await expectError(() => session.bind({ carry: { z: 'x' } }), 'ERR_INVALID_ARGUMENT', /type/);
    await session.release();
  });

  it('that stays with the runtime is read between runs only, while there is a session', async () => {
    const session = await InferenceSession.create(cache(), { inline: 'never' });
    const io = bindCache(session);
    await io.run();
    const running = io.run();
    await expectError(() => io.outputs['present'], 'ERR_BUSY', /in flight/);
    await running;
    const read = io.outputs['present'];
    expect(valuesOf(read)).toEqual([1, 2, 1, 2]);
    // What was read before is there all the time.
    const again = io.run();
    expect(io.outputs['present']).toBe(read);
    await again;
    io.dispose();
    await session.release();
    await expectError(() => io.outputs['present'], 'ERR_SESSION_RELEASED', /released/);
  });

  it('cannot be reset while a run is in flight', async () => {
    const session = await InferenceSession.create(adder(), { inline: 'never' });
    const io = session.bind({ carry: { next: 'state' } });
    const running = io.run();
    await expectError(() => io.resetCarry(), 'ERR_BUSY', /in flight/);
    await running;
    io.dispose();
    await session.release();
  });
});

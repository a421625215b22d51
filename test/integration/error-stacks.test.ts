import { basename } from 'node:path';

import { InferenceSession, OnliteError, Tensor, type SessionOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx } from './onnx-encoder';
import { fixture, floats } from './support';

/** y = x[i]: an index out of range fails at run time. */
const gather = (length: number | string): Uint8Array =>
  encodeOnnx({
    inputs: [
      { name: 'x', type: 1, dims: [length] },
      { name: 'i', type: 7, dims: [1] },
    ],
    outputs: [{ name: 'y', type: 1, dims: [1] }],
    nodes: [{ op: 'Gather', inputs: ['x', 'i'], outputs: ['y'] }],
  });
const bad = { x: floats(1, 2, 3), i: new Tensor('int64', [9n], [1]) };
const good = { ...bad, i: new Tensor('int64', [1n], [1]) };

/** The functions of this file on the stack of what the call throws or rejects with. */
async function callersOf(call: () => unknown): Promise<string[]> {
  async function theProgram(): Promise<unknown> {
    return await call();
  }
  const error: unknown = await theProgram().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(OnliteError);
  const { stack = '', code, message } = error as OnliteError;
  const [title, ...frames] = stack.split('\n');
  const name = code === 'ERR_CANCELLED' ? 'AbortError' : 'OnliteError';
  expect(title).toBe(`${name}: ${message.split('\n')[0]}`);
  return frames
    .filter((frame) => frame.includes(basename(__filename)))
    .map((frame) => /^ *at (?:async )?(\S+) /.exec(frame)?.[1] ?? frame);
}

async function withSession(
  options: SessionOptions,
  use: (session: InferenceSession) => Promise<void>,
  model: Uint8Array = gather(3),
): Promise<void> {
  const session = await InferenceSession.create(model, options);
  await use(session);
  await session.release();
}

describe('the stack of an error that a thread has met names the function that awaits', () => {
  it('InferenceSession.create', async () => {
    const noModel = Buffer.from('no model at all');
    expect(await callersOf(() => InferenceSession.create(noModel))).toContain('theProgram');
    const limited = { timeoutMs: 60_000, signal: new AbortController().signal };
    expect(await callersOf(() => InferenceSession.create(noModel, limited))).toContain(
      'theProgram',
    );
    const missing = fixture('missing.onnx');
    expect(await callersOf(() => InferenceSession.create(missing))).toContain('theProgram');
    const late = { timeoutMs: 0 };
    expect(await callersOf(() => InferenceSession.create(gather(3), late))).toContain('theProgram');
  });

  for (const [shapes, length] of Object.entries({ 'known shapes': 3, 'any shapes': 'n' })) {
    it(`session.run, ${shapes}`, async () => {
      const never: SessionOptions = { inline: 'never' };
      await withSession(
        never,
        async (session) => {
          expect(await callersOf(() => session.run(bad))).toContain('theProgram');
          const { signal } = new AbortController();
          expect(await callersOf(() => session.run(bad, { signal }))).toContain('theProgram');
          expect(await callersOf(() => session.run(bad, ['y']))).toContain('theProgram');
        },
        gather(length),
      );
    });
  }

  it('session.run that is cancelled', async () => {
    await withSession({ inline: 'never' }, async (session) => {
      const aborted = (): Promise<unknown> => {
        const controller = new AbortController();
        const running = session.run(good, { signal: controller.signal });
        controller.abort();
        return running;
      };
      expect(await callersOf(aborted)).toContain('theProgram');
    });
  });

  it('session.run of a batch', async () => {
    const rows = encodeOnnx({
      inputs: [
        { name: 'x', type: 1, dims: ['n', 3] },
        { name: 'i', type: 7, dims: ['n', 1] },
      ],
      outputs: [{ name: 'y', type: 1, dims: ['n', 1] }],
      nodes: [{ op: 'GatherElements', inputs: ['x', 'i'], outputs: ['y'] }],
    });
    const feeds = {
      x: new Tensor('float32', [1, 2, 3], [1, 3]),
      i: new Tensor('int64', [9n], [1, 1]),
    };
    await withSession(
      { batching: { maxBatchSize: 4, maxDelayMs: 1 } },
      async (session) => {
        expect(await callersOf(() => session.run(feeds))).toContain('theProgram');
      },
      rows,
    );
  });

  it('session.warmUp and profile', async () => {
    await withSession({}, async (session) => {
      expect(await callersOf(() => session.warmUp(1, bad))).toContain('theProgram');
      expect(await callersOf(() => session.profile(bad))).toContain('theProgram');
    });
  });

  it('a binding’s run', async () => {
    await withSession({ inline: 'never' }, async (session) => {
      const io = session.bind({ inputs: bad });
      expect(await callersOf(() => io.run())).toContain('theProgram');
      expect(await callersOf(() => io.run({ timeoutMs: 60_000 }))).toContain('theProgram');
      io.dispose();
    });
  });

  it('runs that are awaited together', async () => {
    await withSession({ inline: 'never', concurrency: 2 }, async (session) => {
      const both = (): Promise<unknown> => Promise.all([session.run(good), session.run(bad)]);
      expect(await callersOf(both)).toContain('theProgram');
    });
  });
});

describe('the stack of an error met on the calling thread names the function that calls', () => {
  it('a run at once', async () => {
    await withSession({ inline: { maxMicroseconds: 1000 } }, async (session) => {
      for (let runs = 0; session.inlineRuns === 0 && runs < 20_000; runs++) await session.run(good);
      expect(session.inlineRuns).toBeGreaterThan(0);
      const theCall = (): Promise<unknown> => session.run(bad);
      expect(await callersOf(theCall)).toEqual(expect.arrayContaining(['theCall', 'theProgram']));
    });
  });

  it('runSync', async () => {
    await withSession({}, async (session) => {
      const theCall = (): unknown => session.runSync(bad);
      expect((await callersOf(theCall)).slice(0, 2)).toEqual(['theCall', 'theProgram']);
      const io = session.bind({ inputs: bad });
      const theBoundCall = (): void => {
        io.runSync();
      };
      expect((await callersOf(theBoundCall)).slice(0, 2)).toEqual(['theBoundCall', 'theProgram']);
      io.dispose();
    });
  });

  it('a session that was released', async () => {
    const session = await InferenceSession.create(gather(3));
    await session.release();
    const theCall = (): Promise<void> => session.resetVariables();
    expect(await callersOf(theCall)).toContain('theCall');
  });
});

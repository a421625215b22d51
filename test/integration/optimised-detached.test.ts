import { InferenceSession, Tensor, type RunOptions } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectError, fixture } from './support';

// Enough for V8 to optimise for arrays over resizable buffers and others alike: in Node 20
// and 22 such code reads the old length of a detached array.
const rounds = 100_000;

/** TypeScript's ES2023 does not know resizable buffers. */
const Resizable = ArrayBuffer as new (length: number, options?: object) => ArrayBuffer;

function makeView(isResizable: boolean): Float32Array {
  return new Float32Array(new Resizable(16, isResizable ? { maxByteLength: 32 } : {}));
}

function detached(): Tensor<'float32'> {
  const view = makeView(false);
  const tensor = new Tensor('float32', view, [4]);
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  return tensor;
}

/** The second takes the ordinary way through the lib. */
const ways: [string, RunOptions][] = [
  ['kept memory', {}],
  ['the ordinary way', { logSeverityLevel: 4 }],
];

describe.each(['add4.onnx', 'add4.tflite'])('%s', (file) => {
  let session: InferenceSession;
  let a: string;
  let b: string;
  let sum: string;
  beforeAll(async () => {
    session = await InferenceSession.create(fixture(file));
    [a = '', b = ''] = session.inputNames;
    [sum = ''] = session.outputNames;
  });
  afterAll(() => session.release());

  const other = new Tensor('float32', [1, 2, 3, 4]);
  const makeMixed = (): Tensor[] =>
    Array.from({ length: 2 }, (_, index) => new Tensor('float32', makeView(index === 1), [4]));
  const mixed = makeMixed();
  const targets = makeMixed();

  it.each(ways)('tells detached feeds and fetches apart when optimised: %s', async (_, options) => {
    for (let round = 0; round < rounds; round++) {
      const tensor = mixed[round % 2] ?? other;
      const target = targets[round % 2] ?? other;
      session.runSync({ [a]: tensor, [b]: other }, { [sum]: target }, options);
    }
    expect(() => session.runSync({ [a]: detached(), [b]: other }, options)).toThrow(
      expect.objectContaining({ code: 'ERR_BUFFER_DETACHED' }),
    );
    await expectError(
      () => session.run({ [a]: detached(), [b]: other }, options),
      'ERR_BUFFER_DETACHED',
      new RegExp(`inputs.${a}.*detached`),
    );
    await expectError(
      () => session.run({ [a]: other, [b]: other }, { [sum]: detached() }, options),
      'ERR_BUFFER_DETACHED',
      new RegExp(`outputs.${sum}.*detached`),
    );
  });

  it('tells when a fetch goes while the run is under way', async () => {
    for (let round = 0; round < rounds; round++) {
      const tensor = mixed[round % 2] ?? other;
      session.runSync({ [a]: other, [b]: other }, { [sum]: tensor });
    }
    const view = makeView(false);
    const given = new Tensor('float32', view, [4]);
    const run = session.run({ [a]: other, [b]: other }, { [sum]: given });
    structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
    await expectError(() => run, 'ERR_BUFFER_DETACHED', new RegExp(`outputs.${sum}.*detached`));
  });
});

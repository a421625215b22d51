import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { InferenceSession, OnliteError, type ValueMetadata } from 'onlite';
import { optimizeModel } from 'onlite/optimize';
import { afterAll, describe, expect, it } from 'vitest';

import { model, models } from './cli-support';

const exported = path.join(models, '../simplify');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-optimize-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

interface Face {
  inputs: readonly ValueMetadata[];
  outputs: readonly ValueMetadata[];
  custom: unknown;
}

/** What a program sees of a model. */
async function faceOf(bytes: Uint8Array): Promise<Face> {
  const session = await InferenceSession.create(bytes);
  const { inputMetadata: inputs, outputMetadata: outputs, modelMetadata } = session;
  await session.release();
  return { inputs, outputs, custom: modelMetadata.custom };
}

/** Nodes that the best of ONNX Runtime's basic level, onnxsim and onnxslim leave. */
const BEST = { resnet: 22, detector: 50, nhwc: 21, lstm_if: 9, attention: 92, encoder: 83 };

describe('optimizeModel', () => {
  it.each([
    [null, 'options: expected an object, got null'],
    [5, 'options: expected an object'],
    [{ levels: 'portable' }, 'options: expected one of level'],
    [{ level: 'best' }, "options.level: expected one of 'portable', 'runtime'"],
    [{ samples: 'x' }, 'options.samples: expected an array'],
    [{ samples: [] }, 'options.samples: expected at least one sample'],
    [{ samples: [5] }, 'options.samples[0]: expected an object'],
    [{ session: 5 }, 'options.session: expected an object'],
    [{ signal: {} }, 'options.signal: expected an AbortSignal'],
  ])('says what is wrong with the options %j', async (options, message) => {
    const optimized = optimizeModel(model('add4.onnx'), undefined, options as never);
    await expect(optimized).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(message) as string,
    });
  });

  it('says what is wrong with the files', async () => {
    for (const output of [null, 5, 'a\0b']) {
      const optimized = optimizeModel(model('add4.onnx'), output as never);
      await expect(optimized).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('output: expected a string') as string,
      });
    }
    await expect(optimizeModel('a\0b')).rejects.toThrow('input: expected a string without NUL');
  });

  it('ends when its signal says so', async () => {
    const output = path.join(scratch, 'cancelled.onnx');
    const input = path.join(exported, 'encoder.onnx');
    const early = optimizeModel(input, output, { signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    const controller = new AbortController();
    const late = optimizeModel(input, output, { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(late).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(readdirSync(scratch)).not.toContain('cancelled.onnx');
  });

  it.each(Object.entries(BEST))('leaves no more nodes of %s than others do', async (name, best) => {
    const original = readFileSync(path.join(exported, `${name}.onnx`));
    const { before, after, verification, bytes } = await optimizeModel(original);
    expect(after.nodes).toBeLessThanOrEqual(best);
    expect(after.bytes).toBeLessThanOrEqual(before.bytes);
    expect(bytes!.byteLength).toBe(after.bytes);
    expect(Object.keys(after.operators).filter((operator) => operator.includes('.'))).toEqual([]);
    expect(verification.samples).toBeGreaterThan(0);
    expect(verification.maxRelativeError).toBeLessThan(1e-5);
    expect(await faceOf(bytes!)).toEqual(await faceOf(original));
    // What was optimised stays as it is.
    const again = await optimizeModel(bytes!);
    expect(Buffer.from(again.bytes!).equals(bytes!)).toBe(true);
  });

  it('gives what every fixture gives, or says why it cannot say so', async () => {
    const left: string[] = [];
    for (const name of readdirSync(models).filter((file) => file.endsWith('.onnx'))) {
      try {
        const { before, after, verification } = await optimizeModel(model(name));
        expect(after.nodes, name).toBeLessThanOrEqual(before.nodes);
        expect(after.bytes, name).toBeLessThanOrEqual(before.bytes);
        expect(verification.maxRelativeError, name).toBeLessThan(1e-3);
      } catch (error) {
        if (!(error instanceof OnliteError)) throw error;
        expect(error.code, name).toBe('ERR_UNSUPPORTED');
        left.push(name);
      }
    }
    expect(left).toEqual([]);
  });

  it('keeps external data outside, and a file that is optimised again as it is', async () => {
    const first = path.join(scratch, 'external.onnx');
    await optimizeModel(model('external.onnx'), first);
    expect(readdirSync(scratch)).toContain('external.onnx.data');
    const bytes = readFileSync(first);
    await optimizeModel(first, first);
    expect(readFileSync(first).equals(bytes)).toBe(true);
    const session = await InferenceSession.create(first);
    await session.release();
  });

  it("has ONNX Runtime's own operators only where that is wanted", async () => {
    const file = path.join(exported, 'resnet.onnx');
    const portable = await optimizeModel(file);
    const { after } = await optimizeModel(file, undefined, { level: 'runtime' });
    expect(after.nodes).toBeLessThan(portable.after.nodes);
    expect(Object.keys(after.operators)).toContain('com.microsoft.FusedConv');
  });

  it('is compared on samples that are given', async () => {
    const samples = [{ a: [1] }] as never;
    await expect(optimizeModel(model('add4.onnx'), undefined, { samples })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });

  it.each([
    ['a TensorFlow Lite model', model('add4.tflite'), 'ERR_UNSUPPORTED'],
    ['a file that is not there', path.join(scratch, 'none.onnx'), 'ERR_MODEL_NOT_FOUND'],
    ['what is no model', Buffer.from('<html></html>'), 'ERR_MODEL_INVALID'],
    ['nothing', undefined, 'ERR_INVALID_ARGUMENT'],
  ])('refuses %s and writes nothing', async (_what, input, code) => {
    const output = path.join(scratch, 'refused.onnx');
    await expect(optimizeModel(input as string, output)).rejects.toMatchObject({ code });
    expect(readdirSync(scratch)).not.toContain('refused.onnx');
  });
});

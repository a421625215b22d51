import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { describe, expect, it } from 'vitest';

import { isTfliteModel, readTfliteModel } from '../../../lib/formats/tflite';
import { codeOf } from '../support';

const folder = path.join(import.meta.dirname, '../../fixtures', 'models');
const names = readdirSync(folder).filter((name) => name.endsWith('.tflite'));
const file = (name: string): Buffer => readFileSync(path.join(folder, name));

describe('reading models', () => {
  it.each(names)('%s has the inputs and outputs that the runtime sees', async (name) => {
    const model = readTfliteModel(file(name));
    const session = await InferenceSession.create(path.join(folder, name));
    const [primary] = model.subgraphs;
    const values = (indices: number[] = []): unknown[] =>
      indices.map((index) => [primary?.tensors[index]?.name, primary?.tensors[index]?.type]);
    const seen = (list: typeof session.inputMetadata): unknown[] =>
      list.map((value) => [value.name, value.isTensor ? value.type : value.kind]);
    expect(values(primary?.inputs)).toEqual(seen(session.inputMetadata));
    expect(values(primary?.outputs)).toEqual(seen(session.outputMetadata));
    expect(model.signatures.map(({ key }) => key)).toEqual(Object.keys(session.signatures));
    await session.release();
  });

  it('names operators and where constant data lies', () => {
    const bytes = file('conv_int8.tflite');
    const model = readTfliteModel(bytes);
    expect(model.schemaVersion).toBe(3);
    expect(model.operatorCodes.map(({ name }) => name)).toContain('CONV_2D');
    for (const { offset, size } of model.buffers) {
      expect(offset + size).toBeLessThanOrEqual(bytes.length);
    }
  });

  it('reads quantization per tensor and per channel', () => {
    const [graph] = readTfliteModel(file('conv_int8.tflite')).subgraphs;
    const input = graph?.tensors[graph.inputs[0] ?? -1];
    expect(input?.quantization?.scale).toHaveLength(1);
    const perChannel = graph?.tensors.filter((t) => (t.quantization?.scale.length ?? 0) > 1);
    expect(perChannel?.length).toBeGreaterThan(0);
  });
});

describe('damaged files', () => {
  it('are told from models by their identifier', () => {
    expect(isTfliteModel(file('add4.tflite'))).toBe(true);
    expect(isTfliteModel(Buffer.from('TFL3'))).toBe(false);
    expect(codeOf(() => readTfliteModel(new Uint8Array(0)))).toBe('ERR_MODEL_INVALID');
  });

  it('are refused or read when they are cut', () => {
    const good = file('signatures.tflite');
    for (let end = 0; end < good.length; end += 13) {
      expect([undefined, 'ERR_MODEL_INVALID']).toContain(
        codeOf(() => readTfliteModel(good.subarray(0, end))),
      );
    }
  });

  it.each([0x00, 0x7f, 0xff])('are refused or read when any byte becomes %i', (value) => {
    const good = file('signatures.tflite');
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      expect([undefined, 'ERR_MODEL_INVALID']).toContain(codeOf(() => readTfliteModel(bytes)));
    }
  });
});

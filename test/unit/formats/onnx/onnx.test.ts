import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import {
  OnnxDataType,
  readOnnxModel,
  readOnnxTensor,
  tensorBytes,
  walkModel,
  writeOnnxModel,
  writeOnnxTensor,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { codeOf } from '../../support';
import { tensor } from './models';

const folder = path.join(import.meta.dirname, '../../../fixtures/models');
const names = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const file = (name: string): Buffer => readFileSync(path.join(folder, name));

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-onnx-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

describe('reading and writing models', () => {
  it.each(names)('%s comes back unchanged', (name) => {
    const model = readOnnxModel(file(name));
    expect(readOnnxModel(writeOnnxModel(model))).toEqual(model);
  });

  it('keeps the bytes of initializers where they are', () => {
    const bytes = file('mlp.onnx');
    let views = 0;
    walkModel(readOnnxModel(bytes), {
      tensor: ({ rawData }) => {
        if (!rawData) return;
        views++;
        expect(rawData.buffer).toBe(bytes.buffer);
      },
    });
    expect(views).toBeGreaterThan(0);
  });

  it('gives a runtime the same model', async () => {
    const bytes = file('add4.onnx');
    const session = await InferenceSession.create(writeOnnxModel(readOnnxModel(bytes)));
    const [a = '', b = ''] = session.inputNames;
    const out = await session.run({
      [a]: new Tensor('float32', [1, 2, 3, 4]),
      [b]: new Tensor('float32', [10, 20, 30, 40]),
    });
    expect(Array.from((Object.values(out)[0] as Tensor<'float32'>).data)).toEqual([11, 22, 33, 44]);
    await session.release();
  });

  it('visits the graphs inside control flow', () => {
    let graphs = 0;
    walkModel(readOnnxModel(file('control_if.onnx')), { graph: () => graphs++ });
    expect(graphs).toBe(3);
  });

  it('keeps fields that it does not know, of every wire type', () => {
    const model = readOnnxModel(file('add4.onnx'));
    const unknownFields = [
      { id: 2000, wireType: 0, value: 2n ** 64n - 1n },
      { id: 2001, wireType: 1, value: Buffer.from('12345678') },
      { id: 2002, wireType: 2, value: Buffer.from('training') },
      { id: 2003, wireType: 5, value: Buffer.from('1234') },
    ] as const;
    const read = readOnnxModel(writeOnnxModel({ ...model, unknownFields: [...unknownFields] }));
    expect(read.unknownFields).toEqual(unknownFields);
  });

  it('keeps 64-bit values exactly', () => {
    const original = tensor({
      dims: [4],
      dataType: OnnxDataType.INT64,
      int64Data: BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), -1n, 2n ** 53n + 1n, 0n, 300n),
      uint64Data: BigUint64Array.of(2n ** 64n - 1n),
    });
    expect(readOnnxTensor(writeOnnxTensor(original))).toEqual(original);
  });
});

describe('tensor data', () => {
  it('reads every typed field as packed bytes', () => {
    const bytes = (fields: Partial<TensorProto>): number[] =>
      Array.from(tensorBytes(tensor({ dims: [1], ...fields })));
    expect(bytes({ dataType: OnnxDataType.FLOAT, floatData: [1] })).toEqual([0, 0, 0x80, 0x3f]);
    expect(bytes({ dataType: OnnxDataType.INT8, int32Data: [-2] })).toEqual([0xfe]);
    expect(bytes({ dataType: OnnxDataType.FLOAT16, int32Data: [0x3c00] })).toEqual([0, 0x3c]);
    expect(bytes({ dataType: OnnxDataType.UINT32, uint64Data: [1n] })).toEqual([1, 0, 0, 0]);
    expect(bytes({ dims: [3], dataType: OnnxDataType.INT4, int32Data: [0x21, 3] })).toEqual([
      0x21, 3,
    ]);
  });

  it('refuses a length that is not the shape', () => {
    const wrong = tensor({ dims: [3], dataType: OnnxDataType.FLOAT, rawData: new Uint8Array(8) });
    expect(codeOf(() => tensorBytes(wrong))).toBe('ERR_MODEL_INVALID');
  });

  const external = (location: string, more: Record<string, string> = {}): TensorProto =>
    tensor({
      dims: [2],
      dataType: OnnxDataType.FLOAT,
      dataLocation: 1,
      externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
    });

  it('reads external data inside the folder', () => {
    writeFileSync(path.join(scratch, 'weights.bin'), Buffer.from('0123456789abcdef'));
    const read = tensorBytes(external('weights.bin', { offset: '4', length: '8' }), scratch);
    expect(Buffer.from(read).toString()).toBe('456789ab');
  });

  it('refuses external data anywhere else', () => {
    symlinkSync('/etc', path.join(scratch, 'link'));
    for (const location of ['/etc/passwd', '../passwd', 'a/../../passwd', 'link/passwd', '.']) {
      expect(
        codeOf(() => tensorBytes(external(location), scratch)),
        location,
      ).toBe('ERR_MODEL_INVALID');
    }
  });

  it('refuses external data that is not there or too short', () => {
    expect(codeOf(() => tensorBytes(external('none.bin'), scratch))).toBe('ERR_MODEL_NOT_FOUND');
    const late = external('weights.bin', { offset: '12' });
    expect(codeOf(() => tensorBytes(late, scratch))).toBe('ERR_MODEL_INVALID');
    const strange = external('weights.bin', { offset: '-1' });
    expect(codeOf(() => tensorBytes(strange, scratch))).toBe('ERR_MODEL_INVALID');
  });
});

describe('damaged files', () => {
  it('are refused when they are cut', () => {
    const good = file('conv.onnx');
    for (let end = 0; end < good.length; end += 11) {
      expect([undefined, 'ERR_MODEL_INVALID']).toContain(
        codeOf(() => readOnnxModel(good.subarray(0, end))),
      );
    }
  });

  it('are refused or read when bytes are changed', () => {
    const good = file('control_if.onnx');
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0xa5;
      expect([undefined, 'ERR_MODEL_INVALID']).toContain(codeOf(() => readOnnxModel(bytes)));
    }
  });

  it('are refused when messages are nested without end', () => {
    // TypeProto.sequence_type (4) of elem_type (1) of …
    let type: Buffer = Buffer.alloc(0);
    const wrap = (id: number, inner: Buffer): Buffer => {
      const length: number[] = [];
      for (let rest = inner.length; ; rest >>>= 7) {
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) break;
      }
      return Buffer.concat([Buffer.from([(id << 3) | 2, ...length]), inner]);
    };
    for (let depth = 0; depth < 5000; depth++) type = wrap(depth % 2 === 0 ? 4 : 1, type);
    const bytes = wrap(7, wrap(11, wrap(2, type)));
    expect(codeOf(() => readOnnxModel(bytes))).toBe('ERR_MODEL_INVALID');
  });

  it.each([new Uint8Array(0), Buffer.from('hello world'), file('add4.onnx').subarray(2)])(
    'are refused when they are something else',
    (bytes) => {
      expect(codeOf(() => readOnnxModel(bytes))).toBe('ERR_MODEL_INVALID');
    },
  );
});

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

import {
  externalDataLocation,
  OnnxDataType,
  openOnnxFile,
  readOnnxModel,
  setTensorData,
  tensorBytes,
  walkModel,
  writeOnnxFile,
  writeOnnxModel,
  type ModelProto,
  type TensorProto,
  type TensorSource,
} from '../../../../lib/formats/onnx';
import { Random } from '../../../stress/hostile/random.mjs';
import { codeOf } from '../../support';
import { externalTensor, modelOf, tensor } from './models';
import { randomModel } from './random-model';

const fixtures = path.join(import.meta.dirname, '../../../fixtures/models');
const names = readdirSync(fixtures).filter((name) => name.endsWith('.onnx'));

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-onnx-file-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** A new folder for each test. */
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(scratch, 'test-'));
});
const inFolder = (name: string): string => path.join(folder, name);

/** A float tensor of as many bytes, each of which tells its place. */
function weights(name: string, byteLength: number): TensorProto {
  const rawData = Buffer.alloc(
    byteLength,
    Uint8Array.from({ length: 251 }, (_, at) => at),
  );
  return tensor({ name, dims: [byteLength / 4], dataType: OnnxDataType.FLOAT, rawData });
}

function allTensors(model: ModelProto): TensorProto[] {
  const found: TensorProto[] = [];
  walkModel(model, { tensor: (one) => found.push(one) });
  return found;
}

/** The model with its sources read, as `readOnnxModel` has it. */
function inMemory(model: ModelProto): ModelProto {
  for (const one of allTensors(model)) if (one.source) setTensorData(one, tensorBytes(one));
  return model;
}

const sameBytes = (file: string, bytes: Uint8Array): boolean =>
  Buffer.compare(readFileSync(file), bytes) === 0;

async function codeOfAsync(operation: () => Promise<unknown>): Promise<unknown> {
  try {
    await operation();
  } catch (error) {
    return codeOf(() => {
      throw error;
    });
  }
  return undefined;
}

describe('opening a model', () => {
  it.each(names)('%s says what reading its bytes says', (name) => {
    const bytes = readFileSync(path.join(fixtures, name));
    const expected = readOnnxModel(bytes);
    for (const one of allTensors(expected)) {
      if (one.dataLocation === 1) setTensorData(one, tensorBytes(one, fixtures));
    }
    const file = openOnnxFile(path.join(fixtures, name));
    expect(writeOnnxModel({ ...inMemory(file.model) })).toEqual(writeOnnxModel({ ...expected }));
    file.close();
  });

  it('reads structure of any size, wherever it is cut into windows', () => {
    for (let variant = 0; variant < 5; variant++) {
      const random = Random.for('window', variant);
      const model = randomModel(random);
      const functions = Array.from({ length: 40 }, () => randomModel(random).functions).flat();
      const docString = 'ä'.repeat(200_000 + random.below(100_000));
      const large = { ...model, functions, docString };
      for (const one of allTensors(large)) delete one.dataLocation;
      const bytes = writeOnnxModel(large);
      writeFileSync(inFolder('large.onnx'), bytes);
      const file = openOnnxFile(inFolder('large.onnx'));
      expect(bytes.length).toBeGreaterThan(400_000);
      expect(Buffer.compare(writeOnnxModel({ ...file.model }), bytes)).toBe(0);
      file.close();
    }
  });

  it('leaves large raw data in the file and gives it in pieces', () => {
    const large = weights('large', 5_000_000);
    const small = weights('small', 400);
    writeFileSync(inFolder('m.onnx'), writeOnnxModel(modelOf([large, small])));
    const file = openOnnxFile(inFolder('m.onnx'));
    const [first, second] = file.model.graph!.initializer as [TensorProto, TensorProto];
    expect(first.rawData).toBeUndefined();
    expect(first.source?.byteLength).toBe(5_000_000);
    expect(second).toMatchObject({ name: 'small', rawData: new Uint8Array(small.rawData!) });
    for (let twice = 0; twice < 2; twice++) {
      const chunks = [...first.source!.chunks()];
      expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(4 << 20);
      expect(Buffer.concat(chunks).equals(large.rawData!)).toBe(true);
    }
    expect(Buffer.compare(tensorBytes(first), large.rawData!)).toBe(0);
    file.close();
  });

  it('refuses data whose length is not the shape, in the file too', () => {
    const wrong = { ...weights('w', 8000), dims: [1999] };
    writeFileSync(inFolder('m.onnx'), writeOnnxModel(modelOf([wrong])));
    const file = openOnnxFile(inFolder('m.onnx'));
    expect(codeOf(() => tensorBytes(file.model.graph!.initializer[0]!))).toBe('ERR_MODEL_INVALID');
    file.close();
  });

  it('takes the last of several raw_data, whichever is large', () => {
    const initializer = (datas: Buffer[]): Buffer => {
      const bytes = writeOnnxModel(modelOf([]));
      // GraphProto (7) with an initializer (5) that has raw_data (9) several times.
      const field = (id: number, payload: Buffer): Buffer => {
        const length: number[] = [];
        let rest = payload.length;
        for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
        return Buffer.concat([Buffer.from([(id << 3) | 2, ...length, rest]), payload]);
      };
      const raw = Buffer.concat(datas.map((data) => field(9, data)));
      return Buffer.concat([bytes, field(7, field(5, raw))]);
    };
    const small = Buffer.alloc(8, 1);
    const large = Buffer.alloc(8000, 2);
    for (const datas of [
      [small, large],
      [large, small],
    ]) {
      writeFileSync(inFolder('m.onnx'), initializer(datas));
      const file = openOnnxFile(inFolder('m.onnx'));
      const { source, rawData } = file.model.graph!.initializer[0]!;
      expect(source === undefined).toBe(datas[1] === small);
      expect(rawData === undefined).toBe(datas[1] === large);
      expect(Buffer.concat(source ? [...source.chunks()] : [rawData!]).equals(datas[1]!)).toBe(
        true,
      );
      file.close();
    }
  });

  it('says when there is no file, or none that is a model', () => {
    expect(codeOf(() => openOnnxFile(inFolder('none.onnx')))).toBe('ERR_MODEL_NOT_FOUND');
    expect(codeOf(() => openOnnxFile(folder))).toBe('ERR_MODEL_NOT_FOUND');
    writeFileSync(inFolder('text.onnx'), 'hello world');
    expect(codeOf(() => openOnnxFile(inFolder('text.onnx')))).toBe('ERR_MODEL_INVALID');
    writeFileSync(inFolder('empty.onnx'), '');
    expect(codeOf(() => openOnnxFile(inFolder('empty.onnx')))).toBe('ERR_MODEL_INVALID');
  });

  it('keeps no descriptor of what it refused or closed', () => {
    const descriptor = (): number => {
      const next = openSync(path.join(fixtures, 'mlp.onnx'), 'r');
      closeSync(next);
      return next;
    };
    const before = descriptor();
    writeFileSync(inFolder('text.onnx'), 'hello world');
    codeOf(() => openOnnxFile(inFolder('text.onnx')));
    codeOf(() => openOnnxFile(folder));
    const file = openOnnxFile(path.join(fixtures, 'external.onnx'));
    expect(descriptor()).toBe(before + 2);
    file.close();
    file.close();
    expect(descriptor()).toBe(before);
  });
});

describe('a file that does not stay as it was', () => {
  function opened(): TensorSource {
    writeFileSync(inFolder('m.onnx'), writeOnnxModel(modelOf([weights('w', 3_000_000)])));
    const file = openOnnxFile(inFolder('m.onnx'));
    onClose.push(() => file.close());
    return file.model.graph!.initializer[0]!.source!;
  }
  const onClose: (() => void)[] = [];
  afterAll(() => {
    for (const close of onClose) close();
  });

  it.each<[string, () => void]>([
    ['cut', () => truncateSync(inFolder('m.onnx'), 2_000_000)],
    ['emptied', () => truncateSync(inFolder('m.onnx'), 0)],
    ['appended to', () => writeFileSync(inFolder('m.onnx'), 'more', { flag: 'a' })],
    ['written anew', () => utimesSync(inFolder('m.onnx'), new Date(), new Date(Date.now() + 1000))],
  ])('is refused when it was %s', (_, change) => {
    const source = opened();
    const chunks = source.chunks()[Symbol.iterator]();
    expect(chunks.next().done).toBe(false);
    change();
    expect(codeOf(() => chunks.next())).toBe('ERR_MODEL_UNREADABLE');
    expect(codeOf(() => [...source.chunks()])).toBe('ERR_MODEL_UNREADABLE');
  });

  it('is refused when it was closed', () => {
    const source = opened();
    for (const close of onClose.splice(0)) close();
    expect(codeOf(() => [...source.chunks()])).toBe('ERR_MODEL_UNREADABLE');
  });

  it('is read when another took its name', () => {
    const source = opened();
    writeFileSync(inFolder('other.onnx'), 'another file');
    renameSync(inFolder('other.onnx'), inFolder('m.onnx'));
    expect(Buffer.concat([...source.chunks()])).toHaveLength(3_000_000);
  });
});

describe('writing a model', () => {
  it.each(names.filter((name) => name !== 'external.onnx'))(
    '%s as it was, byte for byte',
    async (name) => {
      const file = openOnnxFile(path.join(fixtures, name));
      await writeOnnxFile(file.model, inFolder('copy.onnx'));
      // And as if anything had been changed.
      await writeOnnxFile({ ...file.model }, inFolder('anew.onnx'));
      file.close();
      const bytes = readFileSync(path.join(fixtures, name));
      expect(sameBytes(inFolder('copy.onnx'), bytes)).toBe(true);
      expect(sameBytes(inFolder('anew.onnx'), bytes)).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(['anew.onnx', 'copy.onnx']);
    },
  );

  it('puts external data into the file of a small model', async () => {
    const file = openOnnxFile(path.join(fixtures, 'external.onnx'));
    await writeOnnxFile(file.model, inFolder('inline.onnx'));
    file.close();
    const inline = readOnnxModel(readFileSync(inFolder('inline.onnx')));
    const before = readOnnxModel(readFileSync(path.join(fixtures, 'external.onnx')));
    expect(allTensors(before).some((one) => externalDataLocation(one))).toBe(true);
    expect(allTensors(inline).map((one) => tensorBytes(one))).toEqual(
      allTensors(before).map((one) => Buffer.from(tensorBytes(one, fixtures))),
    );
    expect(readdirSync(folder)).toEqual(['inline.onnx']);
  });

  it('over the file that it was read from, through a link too', async () => {
    copyFileSync(path.join(fixtures, 'mlp.onnx'), inFolder('m.onnx'));
    symlinkSync(inFolder('m.onnx'), inFolder('link.onnx'));
    const file = openOnnxFile(inFolder('m.onnx'));
    file.model.producerName = 'onlite';
    const expected = writeOnnxModel(file.model);
    await writeOnnxFile(file.model, inFolder('link.onnx'));
    expect(sameBytes(inFolder('m.onnx'), expected)).toBe(true);
    // What it reads is still the file that was opened.
    await writeOnnxFile(file.model, inFolder('m.onnx'), { externalData: {} });
    await writeOnnxFile(file.model, inFolder('m.onnx'));
    file.close();
    expect(sameBytes(inFolder('m.onnx'), expected)).toBe(true);
  });

  it('writes values that are computed only now', async () => {
    const half = Buffer.alloc(6000, 7);
    const source = { byteLength: 12_000, chunks: () => [half, half] };
    const computed = tensor({ name: 'w', dims: [3000], dataType: OnnxDataType.FLOAT, source });
    await writeOnnxFile(modelOf([computed]), inFolder('m.onnx'));
    const [read] = readOnnxModel(readFileSync(inFolder('m.onnx'))).graph!.initializer;
    expect(Buffer.from(tensorBytes(read!)).equals(Buffer.concat([half, half]))).toBe(true);
  });

  it.each([5999, 6001])('leaves all as it was when a source of 6000 gives %d', async (length) => {
    const source = {
      byteLength: 6000,
      chunks: () => [Buffer.alloc(100), Buffer.alloc(length - 100)],
    };
    const model = modelOf([tensor({ dims: [1500], dataType: OnnxDataType.FLOAT, source })]);
    writeFileSync(inFolder('m.onnx'), 'as it was');
    for (const externalData of ['never', {}] as const) {
      const write = (): Promise<void> => writeOnnxFile(model, inFolder('m.onnx'), { externalData });
      expect(await codeOfAsync(write)).toBe('ERR_INVALID_ARGUMENT');
    }
    expect(readdirSync(folder)).toEqual(['m.onnx']);
    expect(readFileSync(inFolder('m.onnx'), 'utf8')).toBe('as it was');
  });

  it('says where it cannot write', async () => {
    const model = modelOf([]);
    const write = (name: string) => () => writeOnnxFile(model, inFolder(name));
    mkdirSync(inFolder('folder'));
    expect(await codeOfAsync(write('none/m.onnx'))).toBe('ERR_INVALID_ARGUMENT');
    expect(await codeOfAsync(write('folder'))).toBe('ERR_INVALID_ARGUMENT');
    expect(readdirSync(folder)).toEqual(['folder']);
  });

  it.skipIf(process.platform === 'win32')('replaces nothing that is no file', async () => {
    spawnSync('mkfifo', [inFolder('fifo')]);
    symlinkSync('fifo', inFolder('link'));
    for (const name of ['fifo', 'link']) {
      const write = writeOnnxFile(modelOf([]), inFolder(name));
      await expect(write).rejects.toThrow(`cannot write '${inFolder(name)}': it is no file`);
    }
    expect(statSync(inFolder('fifo')).isFIFO()).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['fifo', 'link']);
  });

  it.skipIf(process.platform === 'win32')('writes what a link leads to', async () => {
    mkdirSync(inFolder('there'));
    symlinkSync('other', inFolder('link'));
    symlinkSync('there/m.onnx', inFolder('other'));
    await writeOnnxFile(modelOf([]), inFolder('link'));
    expect(existsSync(inFolder('there/m.onnx'))).toBe(true);
    expect(lstatSync(inFolder('link')).isSymbolicLink()).toBe(true);
  });

  it('writes files of long names, and names what it cannot write', async () => {
    await writeOnnxFile(modelOf([]), inFolder('m'.repeat(250)));
    expect(readdirSync(folder)).toEqual(['m'.repeat(250)]);
    const tooLong = inFolder('m'.repeat(300));
    for (const file of [tooLong, inFolder('none/m.onnx')]) {
      const error = await writeOnnxFile(modelOf([]), file).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      expect((error as Error).message).toContain(`cannot write '${file}'`);
    }
  });

  it('refuses more than protobuf can have in one file', async () => {
    const source = { byteLength: 2 ** 31, chunks: () => [] };
    const model = modelOf([tensor({ dims: [2 ** 29], dataType: OnnxDataType.FLOAT, source })]);
    const write = (): Promise<void> =>
      writeOnnxFile(model, inFolder('m.onnx'), { externalData: 'never' });
    expect(await codeOfAsync(write)).toBe('ERR_INVALID_ARGUMENT');
    expect(codeOf(() => writeOnnxModel(model))).toBe('ERR_INVALID_ARGUMENT');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('external data', () => {
  const layout = async (
    model: ModelProto,
    externalData: { location?: string; threshold?: number },
  ): Promise<ReturnType<typeof externalDataLocation>[]> => {
    await writeOnnxFile(model, inFolder('m.onnx'), { externalData });
    const written = readOnnxModel(readFileSync(inFolder('m.onnx')));
    return allTensors(written).map((one) => externalDataLocation(one));
  };

  it('is what is large enough, in pages, and large data in pages of Windows', async () => {
    const model = modelOf([
      weights('small', 1020),
      weights('a', 1024),
      weights('b', 5000),
      weights('large', 1 << 20),
      weights('c', 2000),
    ]);
    const location = 'm.onnx.data';
    expect(await layout(model, {})).toEqual([
      undefined,
      { location, offset: 0, length: 1024 },
      { location, offset: 4096, length: 5000 },
      { location, offset: 65536, length: 1 << 20 },
      { location, offset: 65536 + (1 << 20), length: 2000 },
    ]);
    expect(statSync(inFolder(location)).size).toBe(65536 + (1 << 20) + 2000);
    expect(await layout(model, { location: 'w.bin', threshold: 2 << 20 })).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', 'm.onnx.data']);
  });

  it('comes back, from typed fields too', async () => {
    const typed = tensor({
      dims: [500],
      dataType: OnnxDataType.FLOAT,
      floatData: new Float32Array(500).fill(3),
    });
    const strings = tensor({
      dims: [1],
      dataType: OnnxDataType.STRING,
      stringData: [Buffer.alloc(2000)],
    });
    const raw = weights('raw', 9000);
    const model = modelOf([typed, strings, raw]);
    const places = await layout(model, { location: 'sub.data', threshold: 0 });
    expect(places.map((place) => place?.length)).toEqual([2000, undefined, 9000]);
    const file = openOnnxFile(inFolder('m.onnx'));
    const [first, second, third] = file.model.graph!.initializer as [
      TensorProto,
      TensorProto,
      TensorProto,
    ];
    expect(Buffer.compare(tensorBytes(first), tensorBytes(typed))).toBe(0);
    expect(Buffer.compare(second.stringData[0]!, strings.stringData[0]!)).toBe(0);
    expect(Buffer.compare(tensorBytes(third), raw.rawData!)).toBe(0);
    // Written inline from there it is the model as it began, but for the typed field.
    await writeOnnxFile(file.model, inFolder('back.onnx'));
    file.close();
    setTensorData(typed, tensorBytes(typed));
    expect(sameBytes(inFolder('back.onnx'), writeOnnxModel(model))).toBe(true);
  });

  it('gives ONNX Runtime the same model', async () => {
    const name = 'mlp.onnx';
    const file = openOnnxFile(path.join(fixtures, name));
    await writeOnnxFile(file.model, inFolder(name), { externalData: { threshold: 0 } });
    file.close();
    expect(statSync(inFolder(`${name}.data`)).size).toBeGreaterThan(1000);
    const outputs = await Promise.all(
      [path.join(fixtures, name), inFolder(name)].map(async (model) => {
        const session = await InferenceSession.create(model);
        const [input] = session.inputMetadata;
        if (!input?.isTensor) throw new Error('no tensor');
        const shape = input.shape.map((dim) => (typeof dim === 'number' ? dim : 1));
        const data = Float32Array.from(
          { length: shape.reduce((a, b) => a * b, 1) },
          (_, at) => at / 7,
        );
        const result = await session.run({
          [session.inputNames[0]!]: new Tensor('float32', data, shape),
        });
        await session.release();
        return Object.values(result).map((value) => value.data);
      }),
    );
    expect(outputs[1]).toEqual(outputs[0]);
  });

  it.each(['../w.bin', '/w.bin', '..', '.', 'm.onnx', './m.onnx', 'a/../../w.bin'])(
    'is not written to %s',
    async (location) => {
      const write = (): Promise<unknown> => layout(modelOf([weights('w', 4000)]), { location });
      expect(await codeOfAsync(write)).toBe('ERR_INVALID_ARGUMENT');
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it.each<[string, Record<string, string>, string]>([
    ['outside', { location: '../w.bin' }, 'ERR_MODEL_INVALID'],
    ['missing', { location: 'none.bin' }, 'ERR_MODEL_NOT_FOUND'],
    ['short', { location: 'w.bin', offset: '8' }, 'ERR_MODEL_INVALID'],
    ['of another length', { location: 'w.bin', length: '4' }, 'ERR_MODEL_INVALID'],
  ])('is refused when it is %s', (_, entries, code) => {
    writeFileSync(inFolder('w.bin'), Buffer.alloc(12));
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const one = tensor({ dims: [2], dataType: OnnxDataType.FLOAT, dataLocation: 1, externalData });
    writeFileSync(inFolder('m.onnx'), writeOnnxModel(modelOf([one])));
    expect(codeOf(() => openOnnxFile(inFolder('m.onnx')))).toBe(code);
  });

  it('is read beyond 4 GiB', () => {
    const data = openSync(inFolder('w.bin'), 'w');
    const offset = 5 * 2 ** 30;
    ftruncateSync(data, offset + 12_000);
    writeSync(data, 'far', offset + 11_990);
    closeSync(data);
    const one = externalTensor('w.bin', offset, 12_000);
    writeFileSync(inFolder('m.onnx'), writeOnnxModel(modelOf([one])));
    const file = openOnnxFile(inFolder('m.onnx'));
    const bytes = Buffer.from(tensorBytes(file.model.graph!.initializer[0]!));
    file.close();
    expect(bytes.indexOf('far')).toBe(11_990);
  });
});

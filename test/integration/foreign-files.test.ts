import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import { onlite } from './cli-support';
import { errorOf, fixture } from './support';

const folder = mkdtempSync(join(tmpdir(), 'onlite-foreign-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const bytes = (...parts: (string | number[] | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part),
    ),
  );

/** A zip archive of stored, empty files. */
function zip(...names: string[]): Buffer {
  const local = names.map((name) => {
    const header = Buffer.alloc(30);
    header.write('PK\x03\x04', 'latin1');
    header.writeUInt16LE(name.length, 26);
    return bytes(header, name);
  });
  const central = names.map((name) => {
    const header = Buffer.alloc(46);
    header.write('PK\x01\x02', 'latin1');
    header.writeUInt16LE(name.length, 28);
    return bytes(header, name);
  });
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt32LE(Buffer.concat(local).length, 16);
  return Buffer.concat([...local, ...central, end]);
}

const lfs = [
  'version https://git-lfs.github.com/spec/v1',
  'oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393',
  'size 12345',
  '',
].join('\n');
const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
const tar = Buffer.alloc(1024);
tar.write('model.onnx');
tar.write('ustar\x0000', 257, 'latin1');
const gguf = bytes('GGUF', [3, 0, 0, 0]);
const savedModel = bytes([0x08, 0x01, 0x12, 0x80, 0x02, 0x0a], Buffer.alloc(300));

const files: [string, Buffer, RegExp][] = [
  ['a Git LFS pointer', Buffer.from(lfs), /^model: this is a Git LFS pointer.*git lfs pull/],
  ['an HTML page', Buffer.from('\n<!DOCTYPE html>\n<html></html>'), /HTML page/],
  ['an HTML page with a mark', bytes([0xef, 0xbb, 0xbf], '<HTML>'), /HTML page/],
  ['an XML file', Buffer.from('<?xml version="1.0"?><Error/>'), /XML/],
  ['JSON', Buffer.from('{\n  "error": "not found"\n}'), /JSON/],
  ['a bzip2 file', Buffer.from('BZh91AY&SY'), /bzip2/],
  ['an xz file', bytes([0xfd], '7zXZ\0\0'), /xz/],
  ['a 7-Zip archive', bytes('7z', [0xbc, 0xaf, 0x27, 0x1c, 0]), /7-Zip/],
  ['a tar archive', tar, /tar archive/],
  ['a .task bundle', zip('hand_detector.tflite', 'b.tflite'), /MediaPipe.*hand_detector\.tflite/],
  ['a zipped ONNX model', zip('a/', 'a/model.onnx'), /zip archive.*a\/model\.onnx/],
  ['a PyTorch file', zip('archive/data.pkl', 'archive/data/0'), /PyTorch.*torch\.onnx\.export/],
  ['a .keras file', zip('config.json', 'model.weights.h5'), /Keras.*convert/],
  ['a zip archive', zip('readme.txt'), /zip archive: unpack/],
  ['a zip archive cut off', zip('x.tflite').subarray(0, 40), /zip archive: unpack/],
  ['an HDF5 file', bytes([0x89], 'HDF\r\n', [0x1a], '\n\0'), /HDF5/],
  ['a safetensors file', bytes([header.length, 0, 0, 0, 0, 0, 0, 0], header, [0, 0, 0, 0]), /safe/],
  ['a GGUF file', gguf, /GGUF/],
  ['a NumPy array', bytes([0x93], 'NUMPY', [1, 0]), /NumPy/],
  ['a pickle', bytes([0x80, 4, 0x95]), /pickle/],
  ['a SavedModel', savedModel, /SavedModel/],
];

describe('a file that is no model is named for what it is', () => {
  it.each(files)('%s', async (name, content, message) => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.onnx`);
    writeFileSync(path, content);
    const ofFile = await errorOf(() => InferenceSession.create(path));
    expect(ofFile.code).toBe('ERR_MODEL_INVALID');
    expect(ofFile.message).toMatch(/^model: this is /);
    expect(ofFile.message).toMatch(message);
    const ofBytes = await errorOf(() => InferenceSession.create(content));
    expect(ofBytes.message).toBe(ofFile.message);
    const info = onlite(['info', path]);
    expect(info.status).toBe(1);
    expect(info.stderr).toContain(ofFile.message);
  });

  it('and a model is not', async () => {
    const producer = Buffer.from(`${' '.repeat(120)}pytorch`);
    // IR version 1 and a producer, like a SavedModel's version and graphs.
    const named = bytes([0x08, 0x01, 0x12, producer.length], producer);
    const error = await errorOf(() => InferenceSession.create(named));
    expect(error.message).not.toMatch(/this is/);
  });
});

describe('onlite info of .ort', () => {
  it.each(['add4', 'mlp', 'metadata', 'default_input', 'control_if', 'sequence', 'zip_map_int64'])(
    '%s is as the .onnx it was made from',
    async (name) => {
      const path = join(folder, `${name}.ort`);
      const session = await InferenceSession.create(fixture(`${name}.onnx`), {
        graphOptimizationLevel: 'disabled',
        optimizedModelFilePath: path,
        extra: { session: { save_model_format: 'ORT' } },
      });
      await session.release();
      const describe = (file: string): Record<string, unknown> =>
        JSON.parse(onlite(['info', file, '--json']).stdout) as Record<string, unknown>;
      const got = describe(path);
      const expected = describe(fixture(`${name}.onnx`));
      for (const key of ['engine', 'inputs', 'outputs', 'operators', 'weights', 'subgraphs']) {
        expect([key, got[key]]).toEqual([key, expected[key]]);
      }
      const format = expected['format'] as { version: number; opsets: { domain: string }[] };
      expect(got['format']).toMatchObject({ name: 'ort', version: format.version });
      const { opsets } = got['format'] as typeof format;
      expect(opsets).toEqual(expect.arrayContaining(format.opsets));
      const metadata = expected['metadata'] as Record<string, unknown>;
      expect(got['metadata']).toEqual({ ...metadata, graphName: '' });
      expect(onlite(['info', path]).stdout).toMatch(/ONNX Runtime, format version \d+, IR version/);
    },
  );

  it('damaged', () => {
    const whole = readFileSync(join(folder, 'mlp.ort'));
    for (let length = 8; length < whole.length; length += 97) {
      const path = join(folder, 'damaged.ort');
      writeFileSync(path, whole.subarray(0, length));
      const { status, stderr } = onlite(['info', path]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/ONNX Runtime's format/);
      if (length > 1000) break;
    }
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as zlib from 'node:zlib';

import { InferenceSession } from 'onlite';
import { Interpreter } from 'onlite/tflite';
import { afterAll, describe, expect, it } from 'vitest';

import { onlite, onliteJson } from './cli-support';
import { expectError, fixture, floats } from './support';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-compressed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { gzipSync } = zlib;
const hasZstd = 'zstdCompressSync' in zlib;

/** A Zstandard frame (RFC 8878) of one block that is stored as it is. */
function zstd(content: Uint8Array): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(content.length, 5);
  header.writeUIntLE((content.length << 3) | 1, 9, 3);
  return Buffer.concat([header, content]);
}

const FORMATS = { gz: gzipSync, zst: zstd } as const;
let files = 0;

/** A file whose name says nothing of what it is. */
function write(content: Uint8Array): string {
  const file = path.join(folder, `model${files++}`);
  writeFileSync(file, content);
  return file;
}

describe.each(['add4.onnx', 'add4.tflite'])('%s', (name) => {
  const original = readFileSync(fixture(name));

  it.each(['gz', 'zst'] as const)(
    'is read compressed by %s, from a file and a buffer',
    async (kind) => {
      const packed = FORMATS[kind](original);
      for (const source of [write(packed), packed, new Uint8Array(packed).buffer]) {
        if (kind === 'zst' && !hasZstd) {
          const message = /^zstd needs Node 22\.15 or later, this is v/;
          await expectError(
            () => InferenceSession.create(source as string),
            'ERR_UNSUPPORTED',
            message,
          );
          continue;
        }
        await using session = await InferenceSession.create(source as string);
        await using plain = await InferenceSession.create(original);
        const feeds = Object.fromEntries(
          session.inputNames.map((input) => [input, floats(1, 2, 3, 4)]),
        );
        expect(session.engine).toBe(plain.engine);
        expect(session.runSync(feeds)).toEqual(plain.runSync(feeds));
      }
    },
  );

  it('is cut off, or damaged', async () => {
    const packed = gzipSync(original);
    const damaged = Buffer.from(packed);
    damaged[packed.length - 6]! ^= 0xff;
    const cases: [Buffer, RegExp][] = [
      [packed.subarray(0, packed.length - 9), /^model: compressed with gzip, and cut off$/],
      [packed.subarray(0, 12), /^model: compressed with gzip, and cut off$/],
      [damaged, /^model: compressed with gzip, and damaged: incorrect data check$/],
      [Buffer.concat([packed.subarray(0, 10), Buffer.alloc(64, 0xff)]), /and damaged: /],
    ];
    for (const [content, message] of cases) {
      for (const source of [write(content), content]) {
        await expectError(
          () => InferenceSession.create(source as string),
          'ERR_MODEL_INVALID',
          message,
        );
      }
    }
  });

  it('is described', () => {
    const file = write(gzipSync(original));
    const found = onliteJson(['info', file]) as { unpackedSize: number; operators: unknown };
    const plain = onliteJson(['info', fixture(name)]) as { operators: unknown };
    expect(found.unpackedSize).toBe(original.length);
    expect(found.operators).toEqual(plain.operators);
    expect(onlite(['info', file]).stdout).toMatch(/^compressed +with gzip, \d+ B/m);
  });
});

it('is read by an interpreter of TensorFlow Lite', async () => {
  const packed = gzipSync(readFileSync(fixture('add4.tflite')));
  for (const options of [{ modelPath: write(packed) }, { modelContent: packed }]) {
    const interpreter = await Interpreter.create(options);
    interpreter.allocateTensors();
    expect(interpreter.getInputDetails().length).toBeGreaterThan(0);
    await interpreter.release();
  }
});

it('may be no bomb', async () => {
  // A model whose first field is a name of 150 MiB of zeros.
  const packed = gzipSync(Buffer.concat([Buffer.from([0x12]), Buffer.alloc(150 * 2 ** 20)]));
  const message = /^model: compressed with gzip to become more than \d+ bytes: unpack it first/;
  await expectError(() => InferenceSession.create(packed), 'ERR_MODEL_INVALID', message);
  const { status, stderr } = onlite(['info', write(packed)]);
  expect(status).toBe(1);
  expect(stderr).toContain('to become more than');
});

it('says what is in it that is no model', async () => {
  const packed = gzipSync(Buffer.from('<!doctype html><html></html>'));
  await expectError(() => InferenceSession.create(packed), 'ERR_MODEL_INVALID', /HTML page/);
  expect(onlite(['info', write(packed)]).stderr).toContain('HTML page');
});

it('stops when it is told to', async () => {
  const packed = gzipSync(readFileSync(fixture('add4.onnx')));
  const signal = AbortSignal.abort();
  await expectError(
    () => InferenceSession.create(packed, { signal }),
    'ERR_CANCELLED',
    /cancelled/,
  );
});

it('is written by prune, and measured by bench', async () => {
  const digits = path.join(import.meta.dirname, '../fixtures/digits');
  const output = path.join(folder, 'sparse.onnx');
  const prune = ['prune', path.join(digits, 'mlp.onnx'), output, '--sparsity', '0.8', '--no-speed'];
  const samples = ['--data', path.join(digits, 'calibration.npz'), '--min-sqnr', '0'];
  const { compressed } = onliteJson([...prune, ...samples, '--compress', 'gz']) as {
    compressed: { path: string; bytes: number };
  };
  expect(compressed.path).toBe(`${output}.gz`);
  const content = readFileSync(compressed.path);
  expect(content.length).toBe(compressed.bytes);
  expect(content.length).toBeLessThan(0.5 * readFileSync(output).length);
  await using session = await InferenceSession.create(compressed.path);
  expect(session.outputNames).toEqual(['scores']);
  const bench = onlite([
    'bench',
    compressed.path,
    '--duration',
    '0.05',
    '--processes',
    '1',
    '--json',
  ]);
  expect(bench.status).toBe(0);
  if (hasZstd) return;
  const refused = onlite([...prune, ...samples, '--compress', 'zst']);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('zstd needs Node 22.15');
});

describe('compressed, a model', () => {
  const digits = path.join(import.meta.dirname, '../fixtures/digits');
  const plain = path.join(digits, 'mlp.onnx');
  const packed = write(gzipSync(readFileSync(plain)));
  const output = path.join(folder, 'made.onnx');
  const data = ['--data', path.join(digits, 'calibration.npz')];
  const limits = ['--min-sqnr', '0', '--min-speedup', '0'];
  const judging = [...data, ...limits, '--no-speed'];

  it.each([
    ['quantised', ['quantize', '--method', 'dynamic', ...judging]],
    ['pruned', ['prune', '--sparsity', '0.5', ...judging]],
    ['made simpler', ['optimize', '--no-speed']],
    ['pruned and quantised', ['optimize', '--prune', '0.5', '--quantize', 'dynamic', ...judging]],
  ])('is %s', async (_, [command = '', ...options]) => {
    const { input } = onliteJson([command, packed, output, ...options]) as {
      input: { path: string };
    };
    expect(input.path).toBe(packed);
    await using session = await InferenceSession.create(output);
    expect(session.outputNames).toEqual(['scores']);
  });

  it('is compared with another, layer by layer', () => {
    const words = ['compare', packed, plain, ...data, '--samples', '4', '--layers', '--no-speed'];
    const { layers } = onliteJson(words) as { layers: { layers: unknown[] }[] };
    expect(layers[0]?.layers.length).toBeGreaterThan(0);
  });
});

import { readFileSync } from 'node:fs';
import path from 'node:path';

import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';

import { readNpy, readNpz, writeNpy, writeNpz, type NpyArray } from '../../../lib/formats/npy';
import { codeOf } from '../support';

const folder = path.join(import.meta.dirname, '../../fixtures', 'npy');
const file = (name: string): Buffer => readFileSync(path.join(folder, name));

interface Expected {
  type: string;
  dims: number[];
  hex?: string;
  strings?: string[];
}
const expected = JSON.parse(file('expected.json').toString()) as Record<string, Expected>;

function described(array: NpyArray): Expected {
  const { type, dims, data } = array;
  if (!ArrayBuffer.isView(data)) return { type, dims: [...dims], strings: [...data] };
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return { type, dims: [...dims], hex: bytes.toString('hex') };
}

/** A version 1 file with this header, padding left out. */
function withHeader(header: string, data = new Uint8Array(64)): Uint8Array {
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  start.writeUInt16LE(header.length, 8);
  return Buffer.concat([start, Buffer.from(header, 'latin1'), data]);
}

describe('files written by NumPy', () => {
  const names = Object.keys(expected).filter((name) => name.endsWith('.npy'));
  it('are all there', () => {
    expect(names.length).toBeGreaterThanOrEqual(26);
  });

  it.each(names)('%s', (name) => {
    expect(described(readNpy(file(name)))).toEqual(expected[name]);
  });

  it.each(names)('%s survives a write and a read', (name) => {
    const array = readNpy(file(name));
    expect(readNpy(writeNpy(array))).toEqual(array);
  });

  it('are written byte for byte as NumPy writes them', () => {
    for (const name of [
      'float32.npy',
      'int64_extremes.npy',
      'bool.npy',
      'scalar.npy',
      'empty.npy',
    ]) {
      expect(Buffer.from(writeNpy(readNpy(file(name)))), name).toEqual(file(name));
    }
  });

  it.each(['stored.npz', 'deflated.npz'])('%s', (name) => {
    const arrays = readNpz(file(name));
    const found = Object.fromEntries([...arrays].map(([key, array]) => [key, described(array)]));
    expect(found).toEqual(expected[name]);
  });

  it('are read from any offset of a larger buffer', () => {
    const bytes = file('float64.npy');
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(described(readNpy(shifted.subarray(3)))).toEqual(expected['float64.npy']);
  });
});

describe('writing', () => {
  it('stores bfloat16 as uint16 of the same shape', () => {
    const read = readNpy(
      writeNpy({ type: 'bfloat16', dims: [2], data: Uint16Array.of(0x3f80, 0x4000) }),
    );
    expect(read).toEqual({ type: 'uint16', dims: [2], data: Uint16Array.of(0x3f80, 0x4000) });
  });

  it('stores packed types as bytes', () => {
    const read = readNpy(writeNpy({ type: 'int4', dims: [3], data: Uint8Array.of(0x21, 0x03) }));
    expect(read).toEqual({ type: 'uint8', dims: [2], data: Uint8Array.of(0x21, 0x03) });
  });

  it('refuses data that is not of the shape', () => {
    const array = { type: 'float32', dims: [3], data: new Float32Array(2) };
    expect(codeOf(() => writeNpy(array))).toBe('ERR_INVALID_ARGUMENT');
    expect(codeOf(() => writeNpy({ type: 'string', dims: [2], data: ['a'] }))).toBe(
      'ERR_INVALID_ARGUMENT',
    );
  });

  it('makes archives, compressed or not', () => {
    const x = { type: 'float32', dims: [1000], data: new Float32Array(1000) };
    const plain = writeNpz([['x', x]]);
    const packed = writeNpz([['x', x]], { compress: true });
    expect(packed.length).toBeLessThan(plain.length / 4);
    expect(readNpz(plain).get('x')).toEqual(x);
    expect(readNpz(packed).get('x')).toEqual(x);
  });
});

describe('hostile files', () => {
  const header = (descr: string, shape: string, order = 'False'): string =>
    `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

  it.each([
    ['a pickle', file('object.npy')],
    ['nothing', new Uint8Array(0)],
    ['another magic', Buffer.from('not numpy at all')],
    ['version 9', Buffer.concat([file('float32.npy').subarray(0, 6), Buffer.from([9, 0, 118, 0])])],
    ['too few elements', file('float32.npy').subarray(0, -1)],
    ['a cut header', file('float32.npy').subarray(0, 40)],
    ['terabytes', withHeader(header('<f8', '(1000000, 1000000)'))],
    ['a size beyond 2^53', withHeader(header('<f4', '(0, 99999999999999999999)'))],
    ['a product beyond 2^53', withHeader(header('<f4', '(4294967296, 4294967296)'))],
    ['a million million empty strings', withHeader(header('<U0', '(1000000000000,)'))],
    ['negative sizes', withHeader(header('<f4', '(-1,)'))],
    ['a hundred dimensions', withHeader(header('<f4', `(${'1,'.repeat(100)})`))],
    ['a date', withHeader(header('<M8', '(1,)'))],
    ['records', withHeader("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }")],
    ['code', withHeader("{'descr': '<f4', 'fortran_order': exit(), 'shape': (1,), }")],
    ['a missing key', withHeader("{'descr': '<f4', 'shape': (1,), }")],
    ['no code point', withHeader(header('<U1', '(1,)'), Uint8Array.of(0, 0, 0x11, 0))],
  ])('%s', (_name, bytes) => {
    expect(codeOf(() => readNpy(bytes))).toBe('ERR_INVALID_ARGUMENT');
  });

  it('never fail otherwise when a byte of the header is damaged', () => {
    const good = file('float32_fortran.npy');
    for (let at = 0; at < 80; at++) {
      for (const value of [0, 0x27, 0x28, 0x39, 0xff]) {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        expect([undefined, 'ERR_INVALID_ARGUMENT']).toContain(codeOf(() => readNpy(bytes)));
      }
    }
  });

  it('archives that unpack to too much', () => {
    const bomb = zipSync({ 'x.npy': new Uint8Array(1 << 20) }, { level: 9 });
    expect(codeOf(() => readNpz(bomb, { maxBytes: 1000 }))).toBe('ERR_INVALID_ARGUMENT');
  });

  it('archives that are cut or damaged', () => {
    const good = file('deflated.npz');
    for (let end = 0; end < good.length; end += 7) {
      expect(codeOf(() => readNpz(good.subarray(0, end)))).toBe('ERR_INVALID_ARGUMENT');
    }
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      expect([undefined, 'ERR_INVALID_ARGUMENT']).toContain(codeOf(() => readNpz(bytes)));
    }
  });
});

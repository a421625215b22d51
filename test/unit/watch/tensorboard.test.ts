import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { TensorBoardWriter } from '../../../lib/watch';
import { barsOf } from '../../../lib/watch/tensorboard/bars';
import { crc32c, maskedCrc32c } from '../../../lib/watch/tensorboard/crc32c';
import { encodePng } from '../../../lib/watch/tensorboard/png';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-tensorboard-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The records' data; their lengths and checksums have to be right. */
function records(path: string): Buffer[] {
  const file = readFileSync(path);
  const found: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(maskedCrc32c(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data));
    found.push(data);
    at += length + 16;
  }
  return found;
}

it("has CRC-32C's check value", () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

describe('a writer', () => {
  it('writes nothing before there is a record, then the version first', async () => {
    const writer = new TensorBoardWriter(join(folder, 'runs', 'one'));
    await writer.flush();
    expect(writer.path).toBeNull();
    writer.scalar('loss', 0.5, { step: 3, time: new Date(2000) });
    await writer.close();
    const [version, scalar, ...others] = records(writer.path!);
    expect(others).toEqual([]);
    expect(version!.subarray(9).toString('latin1')).toBe('\x1a\x0dbrain.Event:2');
    // wall_time = 2, step = 3, summary { value { tag = "loss", simple_value = 0.5 } }
    expect(scalar!.toString('hex')).toBe(`09000000000000004010032a0d0a0b0a046c6f7373150000003f`);
  });

  it('counts the steps of each tag', async () => {
    const writer = new TensorBoardWriter(folder);
    for (const tag of ['a', 'a', 'b', 'a']) writer.scalar(tag, 1);
    await writer.close();
    const steps = records(writer.path!)
      .slice(1)
      .map((data) => data[10]);
    expect(steps).toEqual([0, 1, 0, 2]);
  });

  it('drops and counts what a slow disk leaves no room for', async () => {
    const writer = new TensorBoardWriter(folder, { maxWaitingBytes: 200_000 });
    const text = 'x'.repeat(1000);
    // The disk is not waited for: nothing leaves before the program does.
    for (let step = 0; step < 1000; step++) writer.text('note', text, { step });
    const { dropped } = writer;
    expect(dropped).toBeGreaterThan(780);
    expect(dropped).toBeLessThan(850);
    await writer.flush();
    writer.text('note', text, { step: 1000 });
    await writer.close();
    expect(writer.dropped).toBe(dropped);
    expect(records(writer.path!)).toHaveLength(1 + 1001 - dropped);
    expect(() => new TensorBoardWriter(folder, { maxWaitingBytes: 0 })).toThrow('maxWaitingBytes');
  });

  it('says what is wrong, and what the disk does not take', async () => {
    const writer = new TensorBoardWriter(folder);
    const wrong: [() => void, string][] = [
      [() => writer.scalar('', 1), 'tag'],
      [() => writer.scalar('a', 'x' as never), 'value'],
      [() => writer.scalar('a', 1, { step: 0.5 }), 'step'],
      [() => writer.image('a', Buffer.from('GIF89a')), 'image'],
      [
        () => writer.image('a', { width: 2, height: 2, channels: 3, data: Buffer.alloc(5) }),
        'image',
      ],
      [() => writer.hyperParameters({ rate: null as never }), 'parameters.rate'],
      [() => new TensorBoardWriter(''), 'directory'],
    ];
    for (const [call, path] of wrong) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
      expect(call).toThrow(path);
    }
    await writer.close();
    expect(() => writer.scalar('late', 1)).toThrow('closed');
    writeFileSync(join(folder, 'file'), '');
    const blocked = new TensorBoardWriter(join(folder, 'file'));
    blocked.scalar('a', 1);
    await expect(blocked.close()).rejects.toMatchObject({ code: 'ERR_RUN_FAILED' });
  });
});

it('encodes pixels that a decoder reads again', () => {
  const data = Uint8Array.from({ length: 3 * 2 * 4 }, (_, index) => index * 10);
  const { png } = encodePng({ width: 3, height: 2, channels: 4, data });
  const bytes = Buffer.from(png);
  const at = bytes.indexOf('IDAT');
  const rows = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  expect([rows[0], rows[13]]).toEqual([0, 0]);
  expect(Buffer.concat([rows.subarray(1, 13), rows.subarray(14)])).toEqual(Buffer.from(data));
});

it('counts values in bars', () => {
  expect(barsOf([1, 2, 2, 3, NaN, Infinity], 2)).toEqual([
    { left: 1, right: 2, count: 1 },
    { left: 2, right: 3, count: 3 },
  ]);
  expect(barsOf([7, 7], 5)).toEqual([{ left: 6.5, right: 7.5, count: 2 }]);
  expect(barsOf([], 5)).toEqual([]);
});

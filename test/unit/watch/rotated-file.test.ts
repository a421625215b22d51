import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { RotatedFile } from '../../../lib/watch/log/rotated-file';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('writes lines in their order, in files of bounded size and number', async () => {
  const file = new RotatedFile(join(folder, 'log.jsonl'), { maxBytes: 1000, maxFiles: 3 });
  for (let index = 0; index < 500; index++) {
    file.append(JSON.stringify({ index, text: 'x'.repeat(20) }));
    if (index % 10 === 9) await file.flush();
  }
  await file.close();
  expect([file.written, file.dropped]).toEqual([500, 0]);
  const names = readdirSync(folder).sort();
  expect(names).toHaveLength(4);
  const inOrder = [...names.filter((name) => name !== 'log.jsonl'), 'log.jsonl'];
  const lines = inOrder.flatMap((name) => {
    expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(1000);
    return readFileSync(join(folder, name), 'utf8').trim().split('\n');
  });
  const found = lines.map((line) => (JSON.parse(line) as { index: number }).index);
  expect(found).toEqual(Array.from({ length: found.length }, (_, i) => 500 - found.length + i));
});

it('splits what is written together, and gives a line that is too long its own file', async () => {
  writeFileSync(join(folder, 'log.jsonl'), 'cut');
  const file = new RotatedFile(join(folder, 'log.jsonl'), { maxBytes: 100, maxFiles: 1000 });
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index} ü`);
  lines[150] = 'x'.repeat(500);
  for (const line of lines) file.append(line);
  await file.close();
  expect([file.written, file.dropped]).toEqual([300, 0]);
  const names = readdirSync(folder).filter((name) => name !== 'log.jsonl');
  const count = (name: string): number => Number(/-(\d+)\.jsonl$/.exec(name)![1]);
  names.sort((a, b) => count(a) - count(b)).push('log.jsonl');
  const texts = names.map((name) => readFileSync(join(folder, name), 'utf8'));
  expect(texts.join('')).toBe(['cut', ...lines, ''].join('\n'));
  const long = texts.filter((text) => Buffer.byteLength(text) > 100);
  expect(long).toEqual([`${lines[150]}\n`]);
});

it('drops and counts what finds no room, and goes on', async () => {
  const file = new RotatedFile(join(folder, 'log.jsonl'), { maxWaitingBytes: 100 });
  for (let index = 0; index < 50; index++) file.append('0123456789');
  expect(file.dropped).toBe(41);
  await file.flush();
  file.append('later');
  await file.close();
  expect([file.written, file.dropped]).toEqual([10, 41]);
});

it('counts what the disk does not take', async () => {
  writeFileSync(join(folder, 'file'), '');
  const file = new RotatedFile(join(folder, 'file', 'log.jsonl'));
  file.append('line');
  await file.flush();
  expect([file.written, file.dropped]).toEqual([0, 1]);
  expect(file.failure).toBeInstanceOf(Error);
  await file.close();
});

it('removes no file but those that it has renamed', async () => {
  const others = ['log-v2.jsonl', 'log-20261127.jsonl', 'log-.jsonl'];
  for (const name of others) writeFileSync(join(folder, name), 'kept');
  const file = new RotatedFile(join(folder, 'log.jsonl'), { maxBytes: 10, maxFiles: 1 });
  for (let index = 0; index < 12; index++) {
    file.append(`line ${index}`);
    await file.flush();
  }
  await file.close();
  const names = readdirSync(folder);
  expect(names).toEqual(expect.arrayContaining([...others, 'log.jsonl']));
  expect(names).toHaveLength(others.length + 2);
  expect([file.written, file.dropped]).toEqual([12, 0]);
});

it('begins a line of its own where the last one was cut', async () => {
  writeFileSync(join(folder, 'log.jsonl'), '{"whole":1}\n{"cut":');
  const file = new RotatedFile(join(folder, 'log.jsonl'));
  file.append('{"next":2}');
  await file.close();
  const lines = readFileSync(join(folder, 'log.jsonl'), 'utf8').split('\n');
  expect(lines).toEqual(['{"whole":1}', '{"cut":', '{"next":2}', '']);
});

it('removes what a killed process has left of an archived file, and nothing else', async () => {
  const old = 'log-20261127T130000.123Z-0.parquet.part';
  const kept = ['log-20261127T130000.123Z-1.parquet.part', 'log-x.parquet.part', 'log.jsonl'];
  for (const name of [old, ...kept]) writeFileSync(join(folder, name), '');
  for (const name of [old, kept[1]!]) utimesSync(join(folder, name), 1, 1);
  const file = new RotatedFile(join(folder, 'log.jsonl'), {}, () => Promise.resolve());
  file.append('line');
  await file.close();
  expect(readdirSync(folder).sort()).toEqual(kept.sort());
});

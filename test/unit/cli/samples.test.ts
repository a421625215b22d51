import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { readLabels } from '../../../lib/cli/feeds/labels';
import { randomSamples, readSamples } from '../../../lib/cli/feeds/sample-set';
import type { ElementType } from '../../../lib/engine/tensor/element-type';
import type { TensorValueMetadata } from '../../../lib/engine/session/metadata';
import { writeNpy, writeNpz, type NpyArray } from '../../../lib/formats/npy';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-samples-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const input = (
  name: string,
  shape: (number | string)[],
  type: ElementType = 'float32',
): TensorValueMetadata => ({ name, isTensor: true, type, shape });

const floats = (dims: number[]): NpyArray => {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { type: 'float32', dims, data: Float32Array.from({ length: size }, (_, i) => i) };
};

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(scratch, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

async function tensors(
  source: string,
  inputs: TensorValueMetadata[],
): Promise<Record<string, { dims: readonly number[]; data: unknown[] }>[]> {
  const set = await readSamples(source, inputs);
  const found = [];
  for (let index = 0; index < set.count; index++) {
    const feeds = Object.entries(await set.sample(index));
    found.push(
      Object.fromEntries(
        feeds.map(([name, { dims, data }]) => [
          name,
          { dims, data: Array.from(data as ArrayLike<unknown>) },
        ]),
      ),
    );
  }
  return found;
}

const refused = { code: 'ERR_INVALID_ARGUMENT' };

describe('--data', () => {
  it.each([
    ['rows of a batch', [4, 2], ['batch', 2], 4, [1, 2]],
    ['batches of a fixed size', [4, 2], [2, 2], 2, [2, 2]],
    ['an axis more', [4, 2], [2], 4, [2]],
    ['an axis more than a dynamic one', [3, 1, 2], ['batch', 2], 3, [1, 2]],
    ['one without its batch', [3, 2], [1, 3, 2], 1, [1, 3, 2]],
    ['scalars', [3], [], 3, []],
    ['one scalar', [], [], 1, []],
  ])('takes %s', async (_what, dims, shape, count, expected) => {
    const source = write('x.npy', writeNpy(floats(dims)));
    const found = await tensors(source, [input('x', shape)]);
    expect(found).toHaveLength(count);
    expect(found.flatMap(({ x }) => x!.data)).toEqual(
      Array.from(floats(dims).data as Float32Array),
    );
    for (const { x } of found) expect(x!.dims).toEqual(expected);
  });

  it('takes an archive by the names of inputs, with one for all and labels', async () => {
    const labels: NpyArray = { type: 'int64', dims: [3], data: BigInt64Array.of(2n, 0n, 1n) };
    const arrays = { a: floats([3, 2]), b: floats([1, 2]), labels };
    const source = write('ab.npz', writeNpz(Object.entries(arrays)));
    const inputs = [input('a', ['n', 2]), input('b', ['n', 2])];
    const found = await tensors(source, inputs);
    expect(found.map(({ a, b }) => [a!.data, b!.data])).toEqual([
      [
        [0, 1],
        [0, 1],
      ],
      [
        [2, 3],
        [0, 1],
      ],
      [
        [4, 5],
        [0, 1],
      ],
    ]);
    const set = await readSamples(source, inputs);
    const truth = await readLabels(undefined, set.labels, set.count);
    expect([0, 1, 2].map((index) => truth!(index))).toEqual([[2], [0], [1]]);
  });

  it('takes a line of JSON for each sample', async () => {
    const lines = ['{"x": [1, 2], "label": 1}', '', '{"x": [[3, 4]], "label": 0}'];
    const source = write('x.jsonl', lines.join('\n'));
    const found = await tensors(source, [input('x', ['n', 2])]);
    expect(found.map(({ x }) => x)).toEqual([
      { dims: [1, 2], data: [1, 2] },
      { dims: [1, 2], data: [3, 4] },
    ]);
    const set = await readSamples(source, [input('x', ['n', 2])]);
    expect((await readLabels(undefined, set.labels, 2))!(0)).toEqual([1]);
    const bare = write('bare.jsonl', '[1, 2]\n{"data": [3, 4], "dims": [1, 2]}\n');
    expect((await tensors(bare, [input('x', ['n', 2])])).map(({ x }) => x!.data)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('takes a folder in the order of its names', async () => {
    write('folder/10.npy', writeNpy(floats([1, 1])));
    write('folder/2.json', '[[7]]');
    write('folder/1.npz', writeNpz([['x', floats([1])]]));
    write('folder/notes.txt', '');
    const found = await tensors(path.join(scratch, 'folder'), [input('x', ['n', 1])]);
    expect(found.map(({ x }) => x)).toEqual([
      { dims: [1, 1], data: [0] },
      { dims: [1, 1], data: [7] },
      { dims: [1, 1], data: [0] },
    ]);
  });

  it('refuses what does not fit', async () => {
    const two = [input('a', [2]), input('b', [2])];
    for (const [name, content, inputs] of [
      ['missing.npz', undefined, two],
      ['text.txt', 'x', two],
      ['no.jsonl', 'x', two],
      ['which.jsonl', '[1]', two],
      ['what.jsonl', '{"c": 1}', two],
      ['empty.jsonl', '\n', two],
      ['which.npy', writeNpy(floats([2])), two],
      ['rank.npy', writeNpy(floats([1, 1, 1, 2])), [input('a', [2])]],
      ['batch.npy', writeNpy(floats([3, 2])), [input('a', [2, 2])]],
      ['what.npz', writeNpz([['c', floats([2])]]), two],
      [
        'counts.npz',
        writeNpz([
          ['a', floats([2, 2])],
          ['b', floats([3, 2])],
        ]),
        two,
      ],
    ] as [string, string | Uint8Array | undefined, TensorValueMetadata[]][]) {
      const source = path.join(scratch, `refused-${name}`);
      if (content !== undefined) writeFileSync(source, content);
      const all = async (): Promise<unknown> => tensors(source, inputs);
      await expect(all(), name).rejects.toMatchObject(refused);
    }
  });
});

describe('random samples', () => {
  it('are the same for the same seed, and each another', async () => {
    const options = { count: 3, seed: 4, shapes: [] };
    const draw = async (): Promise<unknown[]> => {
      const set = randomSamples([input('x', ['n', 2])], options);
      return Promise.all([0, 1, 2].map(async (index) => (await set.sample(index))['x']!.data));
    };
    const first = await draw();
    expect(await draw()).toEqual(first);
    expect(new Set(first.map(String)).size).toBe(3);
  });
});

describe('--labels', () => {
  it.each([
    ['npy', writeNpy({ type: 'int32', dims: [2, 1], data: Int32Array.of(3, 4) })],
    ['npz', writeNpz([['y', { type: 'uint8', dims: [2], data: Uint8Array.of(3, 4) }]])],
    ['json', '[3, 4]'],
    ['jsonl', '3\n4\n'],
  ])('are read from .%s', async (extension, content) => {
    const file = write(`labels.${extension}`, content);
    const truth = await readLabels(file, undefined, 2);
    expect([truth!(0), truth!(1)]).toEqual([[3], [4]]);
    expect((await readLabels(file, undefined, 1))!(0)).toEqual([3, 4]);
    await expect(readLabels(file, undefined, 3)).rejects.toMatchObject(refused);
  });

  it('may be several numbers a row', async () => {
    const truth = await readLabels(write('rows.json', '[[1, 2], [3, 4]]'), undefined, 2);
    expect(truth!(1)).toEqual([[3, 4]]);
  });

  it('are refused where they are no numbers', async () => {
    for (const [name, content] of [
      ['words.json', '["a"]'],
      ['object.json', '{}'],
      ['deep.json', '[[[1]]]'],
      ['labels.txt', '1'],
      ['text.npy', writeNpy({ type: 'string', dims: [1], data: ['a'] })],
      [
        'two.npz',
        writeNpz([
          ['a', floats([1])],
          ['b', floats([1])],
        ]),
      ],
    ] as [string, string | Uint8Array][]) {
      const file = write(name, content);
      await expect(readLabels(file, undefined, 1), name).rejects.toMatchObject(refused);
    }
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { readLabels } from '../../../lib/cli/feeds/labels';
import { readSamples } from '../../../lib/cli/feeds/sample-set';
import type { SampleSet } from '../../../lib/cli/feeds/samples';
import type { TensorValueMetadata } from '../../../lib/engine/session/metadata';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-modules-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const x: TensorValueMetadata = { name: 'x', isTensor: true, type: 'float32', shape: ['n', 2] };
const onlite = JSON.stringify(path.join(import.meta.dirname, '../../../dist/index.js'));

let modules = 0;
function read(code: string, limit?: number): Promise<SampleSet> {
  const file = path.join(scratch, `${modules++}.mjs`);
  const head = `import { createRequire } from 'node:module';
const { Tensor } = createRequire(import.meta.url)(${onlite});
const x = (...values) => new Tensor('float32', Float32Array.from(values), [values.length / 2, 2]);
`;
  writeFileSync(file, head + code);
  return readSamples(file, [x], limit === undefined ? {} : { limit });
}

async function valuesOf(set: SampleSet): Promise<unknown[]> {
  const indices = Array.from({ length: set.count }, (_, index) => index);
  return Promise.all(
    indices.map(async (index) => {
      const { dims, data } = (await set.sample(index))['x']!;
      return [dims, Array.from(data as ArrayLike<unknown>)];
    }),
  );
}

const both = [
  [
    [1, 2],
    [1, 2],
  ],
  [
    [1, 2],
    [3, 4],
  ],
];

describe('a module of samples', () => {
  it.each([
    ['an array', 'export default [{ x: x(1, 2) }, { x: x(3, 4) }];'],
    [
      'an async generator',
      'export default async function* () { yield { x: x(1, 2) }; yield { x: x(3, 4) }; }',
    ],
    [
      'a generator',
      'export default (function* () { yield { x: x(1, 2) }; yield { x: x(3, 4) }; })();',
    ],
    [
      'a promise',
      'export default async () => [{ feeds: { x: x(1, 2) } }, { feeds: { x: x(3, 4) } }];',
    ],
    [
      'plain objects',
      `const of = (...data) => ({ x: { type: 'float32', data: Float32Array.from(data), dims: [2] } });
export default [of(1, 2), of(3, 4)];`,
    ],
  ])('may have %s', async (_, code) => {
    expect(await valuesOf(await read(code))).toEqual(both);
  });

  it('may have labels', async () => {
    const set = await read(
      'export default [{ feeds: { x: x(1, 2) }, labels: [3] }, { feeds: { x: x(3, 4) }, labels: [5] }];',
    );
    const truth = await readLabels(undefined, set.labels, set.count);
    expect([truth!(0), truth!(1)]).toEqual([[3], [5]]);
  });

  it('may have no end', async () => {
    const endless = 'export default function* () { for (let i = 0; ; i++) yield { x: x(i, i) }; }';
    expect((await read(endless, 7)).count).toBe(7);
  });

  it.each([
    ['nothing', 'export const other = 1;'],
    ['a number', 'export default 1;'],
    ['no sample', 'export default [];'],
    ['a sample of another input', 'export default [{ y: x(1, 2) }];'],
    ['no tensor', 'export default [{ x: 1 }];'],
    ['null', 'export default [null];'],
    ['an error', "throw new Error('oh');"],
    [
      'an error on the way',
      "export default function* () { yield { x: x(1, 2) }; throw new Error('oh'); }",
    ],
    ['a syntax error', 'export default ('],
    [
      'unequal labels',
      `export default [{ feeds: { x: x(1, 2) }, labels: [3] },
{ feeds: { x: x(3, 4) }, labels: [5, 6] }];`,
    ],
  ])('is refused for %s', async (_, code) => {
    await expect(read(code)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

import { expect, it } from 'vitest';

import { randomSamples } from '../../../lib/convert/samples';

const column = (name: string, type: 'string' | 'int64' | 'float32') =>
  ({ name, isTensor: true, type, shape: ['batch', 1] }) as const;

it('draws the values that a model knows, the same for the same seed', () => {
  const inputs = [column('town', 'string'), column('rooms', 'int64'), column('age', 'float32')];
  const known = new Map<string, (string | number)[]>([
    ['town', ['Aachen', 'Bonn']],
    ['rooms', [3, 7]],
  ]);
  const draw = () => [...randomSamples(inputs, { seed: 1, count: 20 }, known)];
  const samples = draw();
  const all = (name: string) => samples.flatMap((feeds) => [...(feeds[name]!.data as never[])]);
  expect(new Set(all('town'))).toEqual(new Set(['Aachen', 'Bonn']));
  expect(new Set(all('rooms'))).toEqual(new Set([3n, 7n]));
  expect(new Set(all('age')).size).toBeGreaterThan(100);
  expect(samples.map(({ town }) => town!.dims[0])).toEqual(
    [1, 2, 5].flatMap((batch) => Array<number>(20).fill(batch)),
  );
  expect(draw()).toEqual(samples);
});

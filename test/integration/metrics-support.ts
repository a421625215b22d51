import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';

import { Tensor } from 'onlite';

import { fixture } from './support';

/** For the models add4. */
export const addFeeds = (): Record<string, Tensor> => ({
  a: new Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]),
  b: new Tensor('float32', new Float32Array(4), [4]),
});

/** A model whose runs take long, some tens of ms; the feeds are {@link longFeeds}. */
export const longModel = fixture('control_while.tflite');

export const longFeeds = (): Record<string, Tensor> => ({
  limit: new Tensor('int32', [200_000], []),
  x: new Tensor('float32', Float32Array.of(1, 2, 3), [3]),
});

/** The first sample of this name with these labels. */
export function valueOf(text: string, name: string, labels: Record<string, string> = {}): number {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const line = text
    .split('\n')
    .find((candidate) =>
      candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `)
        ? pairs.every((pair) => candidate.includes(pair))
        : false,
    );
  if (line === undefined) throw new Error(`no sample ${name}{${pairs.join()}} in\n${text}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** A command's file in PATH. */
export function findCommand(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

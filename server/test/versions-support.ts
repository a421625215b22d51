import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll } from 'vitest';

import { encodeOnnx, float32 } from '../../test/integration/onnx-encoder';
import { call, type Reply } from './support';

/** A model that adds a number to each of its values, so that an answer says which version it is of. */
export const adds = (number: number): Uint8Array =>
  encodeOnnx({
    inputs: [{ name: 'x', type: float32, dims: ['n'] }],
    outputs: [{ name: 'y', type: float32, dims: ['n'] }],
    nodes: [{ op: 'Add', inputs: ['x', 'by'], outputs: ['y'] }],
    initializers: [{ name: 'by', dims: [1], data: Float32Array.of(number) }],
  });

/** A folder that is removed after the tests of a file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-versions-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const LONG_AGO = new Date('2020-01-01');
let made = 0;

/** Files of a version, written elsewhere and renamed into place, and old enough to be loaded at once. */
export function addVersion(
  folder: string,
  version: string | number,
  files: Readonly<Record<string, string | Uint8Array>>,
): void {
  const elsewhere = join(dirname(folder), `.made-${made++}`);
  mkdirSync(elsewhere, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(elsewhere, name), content);
    utimesSync(join(elsewhere, name), LONG_AGO, LONG_AGO);
  }
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, String(version)), { recursive: true, force: true });
  renameSync(elsewhere, join(folder, String(version)));
}

/** What a model answers to 0 by TensorFlow Serving's protocol: the number that its version adds. */
export async function answered(
  port: number,
  path = 'model',
  headers: Record<string, string> = {},
): Promise<number> {
  const reply = await ask(port, path, headers);
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  return (JSON.parse(reply.text) as { outputs: number[] }).outputs[0] ?? NaN;
}

export const ask = (
  port: number,
  path = 'model',
  headers: Record<string, string> = {},
): Promise<Reply> =>
  call(port, `/v1/models/${path}:predict`, { body: '{"inputs": [0]}', method: 'POST', headers });

/** A metric's value, by its name and some of its labels. */
export async function metric(
  port: number,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const { text } = await call(port, '/metrics');
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`)) continue;
    const isIt = Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`));
    if (isIt) return Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return undefined;
}

/** Makes folders with a model `sum`, its configuration, and the server's file that names it, whose path is given. */
export function configuredIn(folder: string) {
  let made = 0;
  return (server: object, model?: unknown, files: Record<string, string> = {}): string => {
    const base = join(folder, String(made++));
    mkdirSync(base);
    addVersion(join(base, 'models/sum'), 1, { 'model.onnx': adds(1), ...files });
    if (model !== undefined) {
      const text = typeof model === 'string' ? model : JSON.stringify(model);
      writeFileSync(join(base, 'models/sum/config.json'), text);
    }
    const file = join(base, 'server.json');
    writeFileSync(file, JSON.stringify({ modelBasePath: 'models', ...server }));
    return file;
  };
}

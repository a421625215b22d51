import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { runtimeInfo } from 'onlite';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { fixture, root } from './support';

const execute = promisify(execFile);
let folder: string | undefined;
let library: string;

/** Has a 64-bit ELF library keep a function to itself. */
function hideSymbol(library: Buffer, name: string): void {
  const [sectionSize, dynamicSymbols, symbolSize] = [64, 11, 24];
  const header = (index: number): Buffer =>
    library.subarray(Number(library.readBigUInt64LE(0x28)) + index * sectionSize);
  const contents = (section: Buffer): Buffer => {
    const offset = Number(section.readBigUInt64LE(24));
    return library.subarray(offset, offset + Number(section.readBigUInt64LE(32)));
  };
  const table = Array.from({ length: library.readUInt16LE(0x3c) }, (_, index) =>
    header(index),
  ).find((section) => section.readUInt32LE(4) === dynamicSymbols)!;
  const symbols = contents(table);
  const nameOffset = contents(header(table.readUInt32LE(40))).indexOf(`\0${name}\0`) + 1;
  for (let at = 0; at < symbols.length; at += symbolSize) {
    if (symbols.readUInt32LE(at) !== nameOffset) continue;
    // Of its info byte the type stays; a binding of 0 is local.
    symbols[at + 4]! &= 0xf;
    return;
  }
  throw new Error(`no symbol ${name}`);
}

// As the libraries for Windows are.
beforeAll(() => {
  if (process.platform !== 'linux') return;
  folder = mkdtempSync(join(tmpdir(), 'onlite-realloc-'));
  library = join(folder, 'libtensorflowlite_c.so');
  const bytes = readFileSync(runtimeInfo({ load: true }).runtimes.tflite.path!);
  hideSymbol(bytes, 'TfLiteTensorRealloc');
  writeFileSync(library, bytes);
});

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

it.runIf(process.platform === 'linux')('takes all but strings without realloc', async () => {
  const script = `
    const { InferenceSession, Tensor } = require('onlite');
    const say = ({ code, message, cause }) => console.log(code, message, '|', cause?.message);
    (async () => {
      const strings = await InferenceSession.create(${JSON.stringify(fixture('identity_string.tflite'))});
      const [name] = strings.inputNames;
      const [{ shape }] = strings.inputMetadata;
      const length = shape.reduce((product, dim) => product * Math.max(1, dim), 1);
      const feeds = { [name]: new Tensor('string', Array(length).fill('a'), shape.map((dim) => Math.max(1, dim))) };
      await strings.run(feeds).catch(say);
      try { strings.runSync(feeds) } catch (error) { say(error) }
      try { strings.bind({ inputs: feeds }).runSync() } catch (error) { say(error) }
      await strings.release();
      const session = await InferenceSession.create(${JSON.stringify(fixture('add4.tflite'))});
      const [a, b] = session.inputNames;
      const { data } = Object.values(session.runSync({
        [a]: new Tensor('float32', [1, 2, 3, 4]), [b]: new Tensor('float32', [1, 1, 1, 1]),
      }))[0];
      console.log(data.join());
      await session.release();
    })();`;
  const { stdout } = await execute(process.execPath, ['-e', script], {
    cwd: root,
    env: { ...process.env, ONLITE_TFLITE_PATH: library },
  });
  const refusal =
    'ERR_UNSUPPORTED inputs.x: this TensorFlow Lite library takes no strings | ' +
    'it does not export TfLiteTensorRealloc';
  expect(stdout.trim().split('\n')).toEqual([refusal, refusal, refusal, '2,3,4,5']);
});

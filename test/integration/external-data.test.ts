import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, Tensor, type SessionOptions } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeOnnx, float32, int64 } from './onnx-encoder';
import { expectError, fixture } from './support';

const x = new Tensor(
  'float32',
  Float32Array.from({ length: 128 }, (_, index) => Math.sin(index)),
  [2, 64],
);

describe('external data', () => {
  let folder: string;
  let expected: unknown;

  async function result(path: string, options?: SessionOptions): Promise<unknown> {
    const session = await InferenceSession.create(path, options);
    const { y } = await session.run({ x });
    await session.release();
    return y?.data;
  }
  const at = (...parts: string[]): string => join(folder, ...parts);
  /** A folder with what `place` puts there for the model and its data. */
  function lay(name: string, place: (from: string, to: string) => void): string {
    mkdirSync(at(name), { recursive: true });
    place(fixture('external.onnx'), at(name, 'model.onnx'));
    place(fixture('external.bin'), at(name, 'external.bin'));
    return at(name, 'model.onnx');
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'onlite-external-'));
    expected = await result(fixture('external.onnx'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("is found in Hugging Face's cache, where links lead to the files", async () => {
    const blobs = at('hub/blobs');
    const snapshot = at('hub/snapshots/0a1b/onnx');
    mkdirSync(blobs, { recursive: true });
    mkdirSync(snapshot, { recursive: true });
    for (const [file, blob, name] of [
      ['external.onnx', 'a3f0', 'model.onnx'],
      ['external.bin', 'b7c1', 'external.bin'],
    ] as const) {
      copyFileSync(fixture(file), join(blobs, blob));
      symlinkSync(`../../../blobs/${blob}`, join(snapshot, name));
    }
    expect(await result(join(snapshot, 'model.onnx'))).toEqual(expected);
    await expectError(
      () => result(join(snapshot, 'model.onnx'), { externalDataLinks: false }),
      'ERR_MODEL_INVALID',
      /symbolic link/,
    );
  });

  it('is found where files are hard links', async () => {
    lay('store', copyFileSync);
    mkdirSync(at('linked'));
    for (const name of ['model.onnx', 'external.bin'])
      linkSync(at('store', name), at('linked', name));
    expect(await result(at('linked/model.onnx'))).toEqual(expected);
    await expectError(
      () => result(at('linked/model.onnx'), { externalDataLinks: false }),
      'ERR_MODEL_INVALID',
      /hard links/,
    );
  });

  it('is not read where only its own link leads elsewhere', async () => {
    const path = lay('alone', copyFileSync);
    rmSync(at('alone/external.bin'));
    symlinkSync(fixture('external.bin'), at('alone/external.bin'));
    await expectError(() => result(path), 'ERR_MODEL_INVALID', /leads out of the model's folder/);
  });

  it('comes from the given bytes before the folder, and not from the working directory', async () => {
    const path = lay('given', copyFileSync);
    writeFileSync(at('given/external.bin'), Buffer.alloc(64 * 32 * 4));
    const externalData = [{ path: './external.bin', data: readFileSync(fixture('external.bin')) }];
    expect(await result(path, { externalData })).toEqual(expected);

    const before = process.cwd();
    process.chdir(at('given'));
    try {
      await expectError(
        () => InferenceSession.create(readFileSync(path)),
        'ERR_MODEL_INVALID',
        /pass the bytes as externalData/,
      );
    } finally {
      process.chdir(before);
    }
  });

  it('comes from the folder that an entry for a model from memory names', async () => {
    const session = await InferenceSession.create(readFileSync(fixture('external.onnx')), {
      extra: {
        session: { model_external_initializers_file_folder_path: join(fixture('x'), '..') },
      },
    });
    expect((await session.run({ x }))['y']?.data).toEqual(expected);
    await session.release();
  });

  it('takes the memory that ONNX Runtime takes: it maps a tensor of more than 2 GiB', async () => {
    // In a sparse file; what is looked at of it are two rows.
    const rows = 560_000;
    mkdirSync(at('large'));
    writeFileSync(at('large/w.bin'), '');
    truncateSync(at('large/w.bin'), rows * 4096);
    writeFileSync(
      at('large/model.onnx'),
      encodeOnnx({
        inputs: [{ name: 'i', type: int64, dims: ['n'] }],
        outputs: [{ name: 'y', type: float32, dims: ['n', 1024] }],
        nodes: [{ op: 'Gather', inputs: ['w', 'i'], outputs: ['y'] }],
        initializers: [{ name: 'w', dims: [rows, 1024], data: { location: 'w.bin' } }],
      }),
    );
    const before = process.memoryUsage().rss;
    const session = await InferenceSession.create(at('large/model.onnx'));
    const { y } = await session.run({
      i: new Tensor('int64', BigInt64Array.of(7n, 559_999n), [2]),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
    expect(y?.dims).toEqual([2, 1024]);
    await session.release();
  });
});

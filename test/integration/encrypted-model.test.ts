import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { InferenceSession, Tensor } from 'onlite';
import { decryptBytes, decryptModel, encryptBytes, encryptModel } from 'onlite/security';
import { Interpreter } from 'onlite/tflite';
import { afterAll, describe, expect, it } from 'vitest';

import { onlite, onliteJson } from './cli-support';
import { expectError, fixture, floats } from './support';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-encrypted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = randomBytes(32);
const keyFile = path.join(folder, 'key');
writeFileSync(keyFile, `${key.toString('hex')}\n`);
const withKey = ['--key-file', keyFile];
const at = (name: string): string => path.join(folder, name);

describe.each(['add4.onnx', 'add4.tflite'])('%s', (name) => {
  const original = readFileSync(fixture(name));

  it('is loaded from a file and from memory, compressed and not', async () => {
    await using plain = await InferenceSession.create(original);
    const feeds = Object.fromEntries(plain.inputNames.map((input) => [input, floats(1, 2, 3, 4)]));
    for (const content of [original, gzipSync(original)]) {
      const bytes = await encryptBytes(content, { key, keyId: 'one' });
      const file = at(`loaded-${name}`);
      writeFileSync(file, bytes);
      for (const source of [file, bytes]) {
        for (const decrypt of [key, createSecretKey(key), async () => key.toString('hex')]) {
          await using session = await InferenceSession.create(source, { decrypt });
          expect(session.engine).toBe(plain.engine);
          expect(session.runSync(feeds)).toEqual(plain.runSync(feeds));
        }
      }
    }
  });

  it('is refused without its key, and with another', async () => {
    const bytes = await encryptBytes(original, { key });
    const file = at(`refused-${name}`);
    writeFileSync(file, bytes);
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 20]! ^= 1;
    for (const source of [file, bytes]) {
      const without = /^options\.decrypt: expected the model's key, or what gives it: the model is/;
      await expectError(() => InferenceSession.create(source), 'ERR_INVALID_ARGUMENT', without);
      const decrypt = randomBytes(32);
      const other = /^model: encrypted, and not with the key of options\.decrypt, or its header/;
      await expectError(
        () => InferenceSession.create(source, { decrypt }),
        'ERR_MODEL_INVALID',
        other,
      );
    }
    const broken = /^model: encrypted, and damaged, cut off or put together anew: chunk 0 of 1$/;
    await expectError(
      () => InferenceSession.create(damaged, { decrypt: key }),
      'ERR_MODEL_INVALID',
      broken,
    );
    const expected = 'model: expected an encrypted one, as a key was given for it';
    for (const source of [fixture(name), original]) {
      await expectError(
        () => InferenceSession.create(source, { decrypt: key }),
        'ERR_MODEL_INVALID',
        expected,
      );
    }
  });
});

it('is read by an interpreter of TensorFlow Lite', async () => {
  const modelContent = await encryptBytes(gzipSync(readFileSync(fixture('add4.tflite'))), { key });
  const interpreter = await Interpreter.create({ modelContent, decrypt: () => key });
  interpreter.allocateTensors();
  expect(interpreter.getInputDetails().length).toBeGreaterThan(0);
  await interpreter.release();
  const code = 'ERR_INVALID_ARGUMENT';
  await expectError(() => Interpreter.create({ modelContent }), code, /the model is encrypted$/);
});

it('stops when it is told to, while the key is waited for', async () => {
  const bytes = await encryptBytes(readFileSync(fixture('add4.onnx')), { key });
  const controller = new AbortController();
  const decrypt = (): Promise<never> => {
    controller.abort();
    return new Promise(() => undefined);
  };
  const { signal } = controller;
  await expectError(
    () => InferenceSession.create(bytes, { decrypt, signal }),
    'ERR_CANCELLED',
    /cancelled/,
  );
});

it('has a session that keeps neither key nor bytes for profiles', async () => {
  const original = readFileSync(fixture('add4.onnx'));
  const bytes = await encryptBytes(original, { key });
  await using session = await InferenceSession.create(bytes, { decrypt: key });
  const feeds = Object.fromEntries(session.inputNames.map((input) => [input, floats(1, 2, 3, 4)]));
  await expectError(() => session.profile(feeds), 'ERR_UNSUPPORTED', /was encrypted/);
  const { operators } = await session.profile(feeds, { model: original });
  expect(operators.length).toBeGreaterThan(0);
});

it('takes external data into the one file', async () => {
  const target = at('external.onnx');
  await encryptModel(fixture('external.onnx'), target, { key });
  await using session = await InferenceSession.create(target, { decrypt: key });
  await using plain = await InferenceSession.create(fixture('external.onnx'));
  const [input] = plain.inputMetadata;
  if (input?.isTensor !== true) throw new Error('expected a tensor');
  const { name, shape } = input;
  const dims = shape.map((size) => (typeof size === 'number' && size > 0 ? size : 2));
  const data = new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(0.5);
  const feeds = { [name]: new Tensor('float32', data, dims) };
  expect(session.runSync(feeds)).toEqual(plain.runSync(feeds));
});

it('is written whole or not at all, and in place too', async () => {
  const original = readFileSync(fixture('add4.onnx'));
  const file = at('in-place.onnx');
  writeFileSync(file, original);
  await encryptModel(file, file, { key, keyId: 'k' });
  const sealed = readFileSync(file);
  await expectError(
    () => encryptModel(file, file, { key }),
    'ERR_INVALID_ARGUMENT',
    /is encrypted already$/,
  );
  const target = at('not-there.onnx');
  const before = readdirSync(folder).sort();
  const damaged = at('damaged.onnx');
  const long = Buffer.from(await encryptBytes(Buffer.alloc(200_000), { key }));
  long[long.length - 1]! ^= 1;
  writeFileSync(damaged, long);
  await expectError(() => decryptModel(damaged, target, { key }), 'ERR_MODEL_INVALID', /chunk 3/);
  expect(readdirSync(folder).sort()).toEqual([...before, 'damaged.onnx'].sort());
  await decryptModel(file, file, { key: (id) => (id === 'k' ? key : 'another') });
  expect(readFileSync(file).equals(original)).toBe(true);
  expect(Buffer.from(await decryptBytes(sealed, { key })).equals(original)).toBe(true);
});

it('leaves nothing of a file that it is stopped in', async () => {
  const sealed = at('long.onnx');
  const plain = at('long-plain.onnx');
  writeFileSync(plain, Buffer.alloc(2 ** 26));
  const writes = {
    encrypt: (signal: AbortSignal) => encryptModel(plain, sealed, { key, signal }),
    decrypt: (signal: AbortSignal) => decryptModel(sealed, plain, { key, signal }),
  };
  for (const [name, write] of Object.entries(writes)) {
    const before = readdirSync(folder).sort();
    const controller = new AbortController();
    // Not before there is something to be left.
    const isBegun = setInterval(() => {
      if (readdirSync(folder).length > before.length) controller.abort();
    }, 1);
    await expectError(
      () => write(controller.signal),
      'ERR_CANCELLED',
      new RegExp(`^${name}ing was cancelled`),
    );
    clearInterval(isBegun);
    expect(readdirSync(folder).sort()).toEqual(before);
    if (name === 'encrypt') {
      await encryptModel(plain, sealed, { key });
      rmSync(plain);
    }
  }
});

describe('the command line', () => {
  const model = fixture('add4.onnx');

  it.runIf(process.platform !== 'win32')('ends by itself where it is interrupted', async () => {
    const sealed = at('interrupted.onnx');
    const plain = at('interrupted-plain.onnx');
    await encryptModel(model, sealed, { key });
    const before = readdirSync(folder).sort();
    const command = `kill -INT $PPID; cat '${keyFile}'`;
    const { status, stderr } = onlite(['decrypt', sealed, plain, '--key-command', command]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('decrypting was cancelled')]);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it('encrypts and decrypts, with the key of a file, a variable and a command', () => {
    const sealed = at('cli.onnx');
    const plain = at('cli-plain.onnx');
    const made = onliteJson(['encrypt', model, sealed, ...withKey, '--key-id', 'prod']) as object;
    expect(made).toMatchObject({ output: { path: sealed }, keyId: 'prod' });
    const command = 'test "$ONLITE_KEY_ID" = prod && cat "$KEY_FILE"';
    const env = { MODEL_KEY: key.toString('base64'), KEY_FILE: keyFile };
    const ways = [withKey, ['--key-env', 'MODEL_KEY']];
    if (process.platform !== 'win32') ways.push(['--key-command', command]);
    for (const way of ways) {
      const { status, stderr } = onlite(['decrypt', sealed, plain, ...way], env);
      expect([status, stderr]).toEqual([0, '']);
      expect(readFileSync(plain).equals(readFileSync(model))).toBe(true);
      rmSync(plain);
    }
    const run = onlite(['run', sealed, ...withKey, '--input', 'zeros']);
    expect([run.status, run.stderr]).toEqual([0, '']);
    const { operators } = onliteJson(['info', model]) as { operators: unknown };
    expect(onliteJson(['info', sealed, ...withKey])).toMatchObject({ operators, encrypted: true });
  });

  it('says what is wrong', () => {
    const sealed = at('cli-wrong.onnx');
    expect(onlite(['encrypt', model, sealed, ...withKey]).status).toBe(0);
    const out = at('nothing');
    const cases: [args: string[], status: number, message: RegExp][] = [
      [['encrypt', model, out], 2, /a key is missing: --key-file/],
      [['encrypt', model, ...withKey], 2, /IN and OUT are expected/],
      [['encrypt', model, out, ...withKey, '--key-env', 'K'], 2, /expected one of --key-file/],
      [['encrypt', sealed, out, ...withKey], 1, /is encrypted already/],
      [['encrypt', at('none'), out, ...withKey], 1, /ERR_MODEL_NOT_FOUND/],
      [['encrypt', model, out, '--key-file', model], 1, /--key-file: expected a key of 32 bytes/],
      [['decrypt', sealed, out, '--key-env', 'NO_SUCH'], 1, /--key-env: NO_SUCH is not set/],
      [
        ['decrypt', sealed, out, '--key-command', 'exit 3'],
        1,
        /--key-command: ended with exit code 3/,
      ],
      [['decrypt', model, out, ...withKey], 1, /expected an encrypted one/],
      [['info', sealed], 1, /--key-file, --key-env or --key-command: expected the model's key/],
    ];
    for (const [args, status, message] of cases) {
      const found = onlite(args);
      expect([args, found.status]).toEqual([args, status]);
      expect(found.stderr).toMatch(message);
    }
    expect(readdirSync(folder)).not.toContain('nothing');
  });
});

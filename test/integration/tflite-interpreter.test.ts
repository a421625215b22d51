import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { InferenceSession, Tensor, type ElementType } from 'onlite';
import { Interpreter, type TensorDetails } from 'onlite/tflite';
import { describe, expect, it } from 'vitest';

import { expectOutputs } from '../fixtures/expect-outputs';
import { decodeTensor, fixturePath, readFixture, readIndex, type Fixture } from '../fixtures/load';
import { expectError, fixture, floats, root } from './support';

const open = (name: string): Promise<Interpreter> =>
  Interpreter.create({ modelPath: fixture(name) });

/** A tensor's data is behind a getter, which comparisons do not see. */
const parts = ({ type, dims, data }: Tensor<ElementType>): unknown => ({ type, dims, data });

/** The details' index by the tensor's name. */
function indexOf(details: readonly TensorDetails[], name: string | null): number {
  return details.find((one) => one.name === name)?.index ?? NaN;
}

/** A case's outputs by name, the way a tutorial gets them. */
function runCase(
  interpreter: Interpreter,
  { inputs, signature }: Fixture['cases'][number],
): Record<string, unknown> {
  const feeds = inputs.map((input) => [input.name ?? '', decodeTensor(input)] as const);
  if (signature !== undefined) {
    return interpreter.getSignatureRunner(signature)(Object.fromEntries(feeds));
  }
  const inputDetails = interpreter.getInputDetails();
  for (const [name, tensor] of feeds) {
    interpreter.resizeTensorInput(indexOf(inputDetails, name), tensor.dims);
  }
  interpreter.allocateTensors();
  for (const [name, tensor] of feeds) {
    interpreter.setTensor(indexOf(inputDetails, name), tensor);
  }
  interpreter.invoke();
  return Object.fromEntries(
    interpreter.getOutputDetails().map(({ name, index }) => [name, interpreter.getTensor(index)]),
  );
}

const fixtures = readIndex().fixtures.filter(({ engine }) => engine === 'tflite');

// What is expected was made by Python's Interpreter (test/fixtures/generate).
describe.each(fixtures)('$cases: $description', ({ cases }) => {
  const { cases: all, ...rest } = readFixture(cases);

  it.each(['xnnpack', 'cpu'])('gives what Python gives (%s)', async (provider) => {
    await using interpreter = await Interpreter.create({
      modelPath: fixturePath(rest.model),
      executionProviders: [provider],
    });
    for (const [number, one] of all.entries()) {
      // A signature's outputs are sorted by name in Python, a fetch chooses some of them.
      if (one.fetch !== undefined) continue;
      const got = runCase(interpreter, one);
      expectOutputs({ ...rest, cases: all }, provider, number, got);
    }
  });
});

describe('Interpreter', () => {
  it('runs a tutorial line by line', async () => {
    const interpreter = await open('conv_int8.tflite');
    interpreter.allocateTensors();
    const inputDetails = interpreter.getInputDetails();
    const outputDetails = interpreter.getOutputDetails();
    const inputShape = inputDetails[0]!.shape;
    const size = inputShape.reduce((product, dim) => product * dim, 1);
    const inputData = Int8Array.from({ length: size }, () => Math.random() * 256 - 128);
    interpreter.setTensor(inputDetails[0]!.index, inputData);
    interpreter.invoke();
    const outputData = interpreter.getTensor(outputDetails[0]!.index);

    const session = await InferenceSession.create(fixture('conv_int8.tflite'));
    const results = session.runSync({ x: new Tensor('int8', inputData, inputShape) });
    expect(parts(outputData)).toEqual(parts(results['Identity'] as Tensor));
    await session.release();
    await interpreter.release();
  });

  it('describes inputs and outputs as Python does', async () => {
    await using interpreter = await open('conv_int8.tflite');
    const [input] = interpreter.getInputDetails();
    expect(input).toEqual({
      name: 'x',
      index: 0,
      shape: [1, 16, 16, 3],
      shapeSignature: [1, 16, 16, 3],
      dtype: 'int8',
      quantization: [expect.any(Number), expect.any(Number)],
      quantizationParameters: {
        scales: Float32Array.of(input!.quantization[0]),
        zeroPoints: Int32Array.of(input!.quantization[1]),
        quantizedDimension: 0,
      },
    });
    await using session = await InferenceSession.create(fixture('conv_int8.tflite'));
    expect(session.inputMetadata[0]).toHaveProperty('quantization.scale', [input!.quantization[0]]);

    await using reals = await open('add4.tflite');
    const [a] = reals.getInputDetails();
    expect(a).toMatchObject({ dtype: 'float32', quantization: [0, 0] });
    expect(a!.quantizationParameters.scales).toEqual(new Float32Array(0));

    await using channels = await open('per_channel_input.tflite');
    const [x] = channels.getInputDetails();
    expect(x!.quantization).toEqual([0, 0]);
    expect(x!.quantizationParameters.scales.length).toBeGreaterThan(1);
  });

  it('takes a path, a URL or bytes, and one of them only', async () => {
    const path = fixture('add4.tflite');
    for (const options of [
      { modelPath: path },
      { modelPath: pathToFileURL(path), numThreads: 2 },
      { modelContent: readFileSync(path) },
      { modelContent: new Uint8Array(readFileSync(path)).buffer },
    ]) {
      const interpreter = await Interpreter.create(options);
      expect(interpreter.getInputDetails()).toHaveLength(2);
      await interpreter.release();
    }
    for (const options of [{}, { modelPath: path, modelContent: readFileSync(path) }]) {
      await expectError(() => Interpreter.create(options), 'ERR_INVALID_ARGUMENT', /modelPath/);
    }
    const unknown = { modelPath: path, model_path: path };
    await expectError(() => Interpreter.create(unknown), 'ERR_INVALID_ARGUMENT', /model_path/);
  });

  it('says what a file is that it cannot run', async () => {
    const create = (modelPath: string) => () => Interpreter.create({ modelPath });
    await expectError(create(fixture('add4.onnx')), 'ERR_MODEL_INVALID', /InferenceSession/);
    await expectError(create(fixture('none.tflite')), 'ERR_MODEL_NOT_FOUND', /none\.tflite/);
    const html = Buffer.from('<!DOCTYPE html><html><body>404</body></html>');
    const ofHtml = (): Promise<Interpreter> => Interpreter.create({ modelContent: html });
    await expectError(ofHtml, 'ERR_MODEL_INVALID', /HTML/);
    const damaged = readFileSync(fixture('add4.tflite')).subarray(0, 100);
    const ofDamaged = (): Promise<Interpreter> => Interpreter.create({ modelContent: damaged });
    await expectError(ofDamaged, 'ERR_MODEL_INVALID', /./);
  });

  it('refuses values that do not fit, naming the tensor', async () => {
    await using interpreter = await open('add4.tflite');
    const [{ index }] = interpreter.getInputDetails() as [TensorDetails];
    const set = (value: never) => () => {
      interpreter.setTensor(index, value);
    };
    await expectError(set(new Float64Array(4) as never), 'ERR_TYPE_MISMATCH', /Float32Array/);
    await expectError(set(new Float32Array(3) as never), 'ERR_SHAPE_MISMATCH', /4/);
    await expectError(set(new Tensor('int8', new Int8Array(4)) as never), 'ERR_TYPE_MISMATCH', /a/);
    const wrong = new Tensor('float32', new Float32Array(4), [2, 2]);
    await expectError(set(wrong as never), 'ERR_SHAPE_MISMATCH', 'a.dims: expected [4], got [2,2]');
    await expectError(set(null as never), 'ERR_TYPE_MISMATCH', /null/);
    for (const wrong of [-1, 1000, NaN, '0' as never]) {
      const write = (): void => {
        interpreter.setTensor(wrong, [1, 2, 3, 4]);
      };
      await expectError(write, 'ERR_INVALID_ARGUMENT', /tensorIndex/);
      await expectError(() => interpreter.getTensor(wrong), 'ERR_INVALID_ARGUMENT', /tensorIndex/);
    }
  });

  it('gives copies of tensors, and their memory where that is asked for', async () => {
    await using interpreter = await open('add4.tflite');
    const [a, b] = interpreter.getInputDetails().map(({ index }) => index) as [number, number];
    const [sum] = interpreter.getOutputDetails().map(({ index }) => index) as [number];
    interpreter.setTensor(a, [1, 2, 3, 4]);
    const memory = interpreter.tensor(b) as () => Float32Array;
    memory().fill(10);
    interpreter.invoke();
    const first = interpreter.getTensor(sum);
    memory().fill(20);
    interpreter.invoke();
    expect([...first.data]).toEqual([11, 12, 13, 14]);
    expect([...interpreter.tensor(sum)()]).toEqual([21, 22, 23, 24]);
    expect([...interpreter.getTensor(b).data]).toEqual([20, 20, 20, 20]);
  });

  it('refuses what is within the model', async () => {
    await using interpreter = await open('mlp.tflite');
    const used = [...interpreter.getInputDetails(), ...interpreter.getOutputDetails()];
    const inner = [0, 1, 2, 3].find((index) => used.every((one) => one.index !== index))!;
    await expectError(() => interpreter.getTensor(inner), 'ERR_UNSUPPORTED', /neither/);
  });

  it('resizes inputs', async () => {
    await using interpreter = await open('add4.tflite');
    const [a, b] = interpreter.getInputDetails().map(({ index }) => index) as [number, number];
    const [sum] = interpreter.getOutputDetails().map(({ index }) => index) as [number];
    for (const index of [a, b]) interpreter.resizeTensorInput(index, [2]);
    expect(interpreter.getInputDetails()[0]!.shape).toEqual([2]);
    interpreter.allocateTensors();
    for (const index of [a, b]) interpreter.setTensor(index, [1, 2]);
    await expectError(() => interpreter.getTensor(sum), 'ERR_INVALID_ARGUMENT', /before invoke/);
    interpreter.invoke();
    expect(parts(interpreter.getTensor(sum))).toEqual(parts(floats(2, 4)));
    expect(interpreter.getOutputDetails()[0]!.shape).toEqual([2]);
    const strict = (): void => {
      interpreter.resizeTensorInput(a, [4, 1], true);
    };
    await expectError(strict, 'ERR_INVALID_ARGUMENT', /tensorSize/);
    const negative = (): void => {
      interpreter.resizeTensorInput(a, [-1]);
    };
    await expectError(negative, 'ERR_INVALID_ARGUMENT', /tensorSize\[0\]/);
  });

  it('runs on a thread, during which its tensors are in use', async () => {
    await using interpreter = await open('mlp.tflite');
    const [input] = interpreter.getInputDetails() as [TensorDetails];
    const [output] = interpreter.getOutputDetails() as [TensorDetails];
    const size = input.shape.reduce((product, dim) => product * dim, 1);
    interpreter.setTensor(input.index, new Float32Array(size).fill(0.5));
    interpreter.invoke();
    const expected = parts(interpreter.getTensor(output.index));
    interpreter
      .tensor(output.index)()
      .fill(0 as never);
    await interpreter.invokeAsync();
    expect(parts(interpreter.getTensor(output.index))).toEqual(expected);
  });

  it('puts variables back', async () => {
    await using interpreter = await open('accumulator.tflite');
    const [input] = interpreter.getInputDetails() as [TensorDetails];
    const [output] = interpreter.getOutputDetails() as [TensorDetails];
    const size = input.shape.reduce((product, dim) => product * dim, 1);
    interpreter.setTensor(input.index, new Float32Array(size).fill(1));
    const step = (): unknown => {
      interpreter.invoke();
      return parts(interpreter.getTensor(output.index));
    };
    const first = step();
    expect(step()).not.toEqual(first);
    interpreter.resetAllVariables();
    expect(step()).toEqual(first);
  });

  it('lists signatures and runs them', async () => {
    await using interpreter = await open('signatures.tflite');
    expect({ ...interpreter.getSignatureList() }).toEqual({
      arithmetic: { inputs: ['left', 'right'], outputs: ['difference', 'sum'] },
      triple: { inputs: ['number'], outputs: ['tripled'] },
    });
    const runner = interpreter.getSignatureRunner('arithmetic');
    expect(Object.keys(runner.getInputDetails())).toEqual(['left', 'right']);
    expect(runner.getOutputDetails()['sum']).toMatchObject({ shape: [3], dtype: 'float32' });
    const outputs = runner({ left: [5, 6, 7], right: floats(1, 2, 3) });
    expect([...outputs['sum']!.data]).toEqual([6, 8, 10]);
    expect([...outputs['difference']!.data]).toEqual([4, 4, 4]);

    await expectError(() => runner({ none: [1] }), 'ERR_INVALID_ARGUMENT', /left, right/);
    await expectError(() => runner({ left: [1, 2, 3] }), 'ERR_INVALID_ARGUMENT', /right/);
    const unknown = (): unknown => interpreter.getSignatureRunner('none');
    await expectError(unknown, 'ERR_INVALID_ARGUMENT', /arithmetic, triple/);
    const several = (): unknown => interpreter.getSignatureRunner();
    await expectError(several, 'ERR_INVALID_ARGUMENT', /arithmetic, triple/);
    await using without = await open('add4.tflite');
    const none = (): unknown => without.getSignatureRunner();
    await expectError(none, 'ERR_INVALID_ARGUMENT', /no signatures/);
  });

  it('is over when it is released', async () => {
    const interpreter = await open('add4.tflite');
    interpreter.allocateTensors();
    await interpreter.release();
    await expectError(() => interpreter.invoke(), 'ERR_SESSION_RELEASED', /released/);
  });
});

const mobilenet = join(root, 'build/differential/mobilenet_v2_int8.tflite');
const isPrepared = existsSync(mobilenet);
const remedy = 'MobileNetV2 is missing: npm run test:python makes it';
if (!isPrepared) console.warn(`test/integration/tflite-interpreter.test.ts: ${remedy}`);

describe.skipIf(!isPrepared)(isPrepared ? 'int8 MobileNetV2' : remedy, () => {
  it('gives what a session gives, to the bit', async () => {
    const data = Int8Array.from({ length: 224 * 224 * 3 }, (_, at) => ((at * 73) % 256) - 128);
    await using interpreter = await Interpreter.create({ modelPath: mobilenet });
    const [input] = interpreter.getInputDetails() as [TensorDetails];
    const [output] = interpreter.getOutputDetails() as [TensorDetails];
    interpreter.setTensor(input.index, data);
    interpreter.invoke();
    await using session = await InferenceSession.create(mobilenet);
    const feeds = { [session.inputNames[0]!]: new Tensor('int8', data, input.shape) };
    const results = session.runSync(feeds);
    const expected = results[session.outputNames[0]!] as Tensor;
    expect(new Set(expected.data as Int8Array).size).toBeGreaterThan(20);
    expect(parts(interpreter.getTensor(output.index))).toEqual(parts(expected));
  });
});

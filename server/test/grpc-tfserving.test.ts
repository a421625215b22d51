import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { MODELS, PREDICTION, callGrpc, serveGrpc, type RunningGrpc } from './grpc-support';
import { Packed, decode, floatsOf, inside, texts, varints, type Message } from './protobuf';

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc(
    {
      add: 'add4.onnx',
      rows: 'identity_float32.onnx',
      small: 'identity_int8.onnx',
      big: 'identity_int64.onnx',
      bool: 'identity_bool.onnx',
      half: 'identity_float16.onnx',
      text: 'identity_string.onnx',
      many: 'many_outputs.onnx',
      signatures: 'signatures.tflite',
    },
    { maxBodyBytes: 1 << 20 },
  );
  running.server.models.setLabels('rows', { stable: '1' });
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

const call = (path: string, message: Message | Buffer) =>
  callGrpc(running.client, path.startsWith('/') ? path : PREDICTION + path, message);
const answered = async (path: string, message: Message | Buffer) => {
  const { code, details, bytes } = await call(path, message);
  expect({ code, details }).toEqual({ code: status.OK, details: '' });
  return decode(bytes);
};

const spec = (name: string, more: Message = []): Message => [[1, [[1, name], ...more]]];
const tensor = (dtype: number, shape: readonly number[], more: Message): Message => [
  [1, dtype],
  [2, shape.map((size) => [2, [[1, size]]] as const)],
  ...more,
];
const inputs = (all: Readonly<Record<string, Message>>): Message =>
  Object.entries(all).map(([name, value]) => [
    2,
    [
      [1, name],
      [2, value],
    ],
  ]);
const FLOAT = 1;
const floats = (...values: number[]): Message => [[5, new Packed('float', values)]];
const content = (...values: number[]): Message => [
  [4, Buffer.from(Float32Array.from(values).buffer)],
];
const predict = (model: string, x: Message, more: Message = []) => [
  ...spec(model),
  ...inputs({ x }),
  ...more,
];

/** The only output's TensorProto. */
const output = (answer: Record<number, (bigint | Buffer)[]>) => inside(inside(answer, 1), 2);

describe('Predict', () => {
  it.each([
    ['content', content(1, 2, 3)],
    ['values', floats(1, 2, 3)],
    ['values, not packed', floats(1).concat(floats(2), floats(3))],
  ])('takes %s', async (_, values) => {
    const answer = await answered('Predict', predict('rows', tensor(FLOAT, [1, 3], values)));
    expect(texts(inside(answer, 1)[1])).toEqual(['y']);
    const tensorProto = output(answer);
    expect(tensorProto[1]).toEqual([1n]);
    expect(floatsOf(tensorProto[5]![0])).toEqual([1, 2, 3]);
    const model = inside(answer, 2);
    expect([texts(model[1]), texts(model[3])]).toEqual([['rows'], ['serving_default']]);
    expect(inside(model, 2)[1]).toEqual([1n]);
  });

  it('lets one value fill the shape', async () => {
    const answer = await answered('Predict', predict('rows', tensor(FLOAT, [2, 3], floats(7))));
    expect(floatsOf(output(answer)[5]![0])).toEqual(Array(6).fill(7));
  });

  it.each([
    ['small', 6, [7, new Packed('varint', [-128, 5, 127])], 7, [-128n, 5n, 127n]],
    [
      'big',
      9,
      [10, new Packed('varint', [-(2n ** 63n), 1n, 2n ** 62n])],
      10,
      [-(2n ** 63n), 1n, 2n ** 62n],
    ],
    ['bool', 10, [11, new Packed('varint', [1, 0, 1])], 11, [1n, 0n, 1n]],
    ['half', 19, [13, new Packed('varint', [0x3c00, 0, 0xc000])], 13, [0x3c00n, 0n, 0xc000n]],
  ] as const)('takes and gives integers of %s', async (model, dtype, values, field, wanted) => {
    const answer = await answered('Predict', predict(model, tensor(dtype, [1, 3], [values])));
    expect(varints(output(answer)[field]![0]).map((value) => BigInt.asIntN(64, value))).toEqual(
      wanted,
    );
  });

  it('takes and gives strings', async () => {
    const values: Message = [
      [8, 'a'],
      [8, ''],
      [8, 'ü'],
    ];
    const answer = await answered('Predict', predict('text', tensor(7, [1, 3], values)));
    expect(texts(output(answer)[8])).toEqual(['a', '', 'ü']);
  });

  it('gives the outputs that are asked for', async () => {
    const all = await answered('GetModelMetadata', [...spec('many'), [2, 'signature_def']]);
    expect(texts(inside(all, 1)[1])).toEqual(['many']);
    const none = await call('Predict', [
      ...predict('rows', tensor(FLOAT, [1, 3], floats(1, 2, 3))),
      [3, 'z'],
    ]);
    expect(none).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: "output_filter[0]: expected one of y, got 'z'",
    });
  });

  it('finds a version by its number or label', async () => {
    const x = inputs({ x: tensor(FLOAT, [1, 3], floats(1, 2, 3)) });
    await answered('Predict', [...spec('rows', [[2, [[1, 1]]]]), ...x]);
    await answered('Predict', [...spec('rows', [[4, 'stable']]), ...x]);
    const version = await call('Predict', [...spec('rows', [[2, [[1, 9]]]]), ...x]);
    expect(version.code).toBe(status.NOT_FOUND);
    const label = await call('Predict', [...spec('rows', [[4, 'none']]), ...x]);
    expect(label.code).toBe(status.INVALID_ARGUMENT);
  });

  const six = floats(1, 2, 3, 4, 5, 6);
  it.each<[string, Message, status, RegExp]>([
    ['no model', [], status.INVALID_ARGUMENT, /model_spec\.name/],
    ['an unknown model', spec('none'), status.NOT_FOUND, /no model is called 'none'/],
    ['no input', spec('rows'), status.INVALID_ARGUMENT, /'x' is missing/],
    [
      'another input',
      [...spec('rows'), ...inputs({ z: tensor(FLOAT, [2, 3], six) })],
      status.INVALID_ARGUMENT,
      /inputs: expected x, got 'z'/,
    ],
    [
      'another type',
      predict('rows', tensor(9, [2, 3], [[10, 1]])),
      status.INVALID_ARGUMENT,
      /inputs\['x'\]\.dtype: expected 1 \(float32\), got int64/,
    ],
    [
      'too few values',
      predict('rows', tensor(FLOAT, [2, 3], floats(1, 2))),
      status.INVALID_ARGUMENT,
      /float_val: expected 6 values for the shape \[2,3\], or one for all, got 2/,
    ],
    [
      'too little content',
      predict('rows', tensor(FLOAT, [2, 3], content(1, 2))),
      status.INVALID_ARGUMENT,
      /tensor_content: expected 24 bytes for the shape \[2,3\], got 8/,
    ],
    [
      'one value for gigabytes',
      predict('rows', tensor(FLOAT, [1e9, 3], floats(1))),
      status.INVALID_ARGUMENT,
      /tensor_shape: one value for 12000000000 bytes is more than the limit/,
    ],
    [
      'another shape than the model has',
      predict('rows', tensor(FLOAT, [6], six)),
      status.INVALID_ARGUMENT,
      /tensor_shape: expected 2 dimensions/,
    ],
    [
      'a number that the type cannot hold',
      predict('small', tensor(6, [1, 3], [[7, new Packed('varint', [1, 128, 3])]])),
      status.INVALID_ARGUMENT,
      /int_val\[1\]: expected a number for int8, got 128/,
    ],
    [
      'an unknown signature',
      [...spec('signatures', [[3, 'none']])],
      status.INVALID_ARGUMENT,
      /signature_name: expected one of/,
    ],
  ])('refuses %s', async (_, message, code, details) => {
    expect(await call('Predict', message)).toMatchObject({
      code,
      details: expect.stringMatching(details) as string,
    });
  });
});

const example = (values: Message): Message => [
  [
    1,
    [
      [
        1,
        [
          [1, 'x'],
          [2, values],
        ],
      ],
    ],
  ],
];

describe('examples', () => {
  const x: Message = [[2, [[1, new Packed('float', [0.5, 1.5, 2.5])]]]];
  const classify = (list: Message) => [...spec('rows'), [2, list] as const];

  it('are classified, with and without a context', async () => {
    for (const list of [
      [[1, [[1, example(x)]]]],
      [
        [
          2,
          [
            [1, []],
            [2, example(x)],
          ],
        ],
      ],
    ] as Message[]) {
      const answer = await answered('Classify', classify(list));
      const classes = inside(inside(answer, 1), 1)[1]!.map((one) => decode(one as Buffer));
      expect(classes.map((one) => floatsOf(one[2]![0])[0])).toEqual([0.5, 1.5, 2.5]);
    }
  });

  it.each([
    ['no examples', 'Classify', [] as Message, /input: expected examples/],
    ['a feature that is missing', 'Classify', [[1, [[1, []]]]] as Message, /'x' is missing/],
    [
      'more than a number a row',
      'Regress',
      [[1, [[1, example(x)]]]] as Message,
      /one number a row/,
    ],
  ])('refuses %s', async (_, method, list, details) => {
    expect(await call(method, classify(list))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(details) as string,
    });
  });
});

describe('what there is', () => {
  it('tells of signatures', async () => {
    const answer = await answered('GetModelMetadata', [...spec('rows'), [2, 'signature_def']]);
    const any = inside(inside(answer, 2), 2);
    expect(texts(any[1])).toEqual(['type.googleapis.com/tensorflow.serving.SignatureDefMap']);
    const signature = inside(inside(inside(any, 2), 1), 2);
    const info = inside(inside(signature, 1), 2);
    expect([texts(info[1]), info[2]]).toEqual([['x'], [1n]]);
    const dims = inside(info, 3)[2]!.map((dim) => decode(dim as Buffer)[1]?.[0]);
    expect(dims).toEqual([BigInt.asUintN(64, -1n), 3n]);
    for (const fields of [[], [[2, 'other']]] as Message[]) {
      const { code } = await call('GetModelMetadata', [...spec('rows'), ...fields]);
      expect(code).toBe(status.INVALID_ARGUMENT);
    }
  });

  it('tells of versions', async () => {
    const version = inside(await answered(`${MODELS}GetModelStatus`, spec('rows')), 1);
    expect([version[1], version[2]]).toEqual([[1n], [30n]]);
    expect((await call(`${MODELS}GetModelStatus`, spec('none'))).code).toBe(status.NOT_FOUND);
  });

  it('changes no configuration', async () => {
    expect(await call(`${MODELS}HandleReloadConfigRequest`, [])).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: expect.stringContaining('--model-base-path') as string,
    });
  });
});

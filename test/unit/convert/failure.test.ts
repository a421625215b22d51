import { expect, it } from 'vitest';

import { failureOf, tail } from '../../../lib/convert/failure';

it('names the operator, where it is and what can be done', () => {
  const error = failureOf({
    kind: 'operator',
    message: 'tf2onnx has no converter for Betainc',
    advice: 'replace it in the model by others',
    operators: ['Betainc'],
    layers: ['a', 'b', 'c', 'd', 'e', 'f'],
  });
  expect(error.code).toBe('ERR_UNSUPPORTED');
  expect(error.message).toBe(
    'tf2onnx has no converter for Betainc (at a, b, c, d, e and 1 more); replace it in the model by others',
  );
});

it('takes what an option or an input is wrong in for an argument', () => {
  expect(failureOf({ kind: 'option', message: '--signature x: the model has y' })).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: '--signature x: the model has y',
  });
});

// As the converters say it.
it.each([
  [
    'UnsupportedOperatorError',
    "Exporting the operator 'aten::fft_rfft' to ONNX opset version 18 is not supported.",
    /torch\.onnx has no converter for the operator 'aten::fft_rfft'; try a newer --opset/,
    'ERR_UNSUPPORTED',
  ],
  [
    'TypeError',
    "Could not locate class 'MyLayer'. Make sure custom classes are decorated with `@keras.saving.register_keras_serializable()`.",
    /Keras does not know the layer 'MyLayer'; it is the program's own/,
    'ERR_UNSUPPORTED',
  ],
  [
    'ModuleNotFoundError',
    "No module named 'skl2onnx'",
    /Python has no module 'skl2onnx': install it there, or leave --python out/,
    'ERR_RUNTIME_NOT_FOUND',
  ],
  ['KeyError', "'x'", /^the converter failed: KeyError: 'x'$/, 'ERR_RUN_FAILED'],
])('knows the words of %s', (type, message, words, code) => {
  const error = failureOf({ type, message, log: `Traceback\n${type}: ${message}` });
  expect(error).toMatchObject({ code, message: expect.stringMatching(words) });
  expect((error.cause as Error).message).toContain(message);
});

it('shows the end of what was printed without what says nothing', () => {
  const log = 'a\nWARNING: b\n  File "x.py", line 3\n    ^^^^\nValueError: c\n';
  expect(tail(log, 2)).toBe('a\nValueError: c');
});

import { post, serve, type Call, type Running } from './support';

/** All models that the protocol's tests call. */
export const serveAll = (): Promise<Running> =>
  serve({
    add: 'add4.onnx',
    lite: 'add4.tflite',
    'a b/c': 'add4.onnx',
    rows: 'identity_float32.onnx',
    bool: 'identity_bool.onnx',
    big: 'identity_int64.onnx',
    half: 'identity_float16.onnx',
    brain: 'identity_bfloat16.onnx',
    bytes: 'identity_uint8.onnx',
    text: 'identity_string.onnx',
    liteText: 'strings.tflite',
    scalar: 'scalar.onnx',
    signatures: 'signatures.tflite',
    index: 'index.onnx',
    sequence: 'sequence.onnx',
    tree: 'tree_classifier.onnx',
    maybe: 'optional_input.onnx',
    empty: 'empty.onnx',
  });

export interface Input {
  name: string;
  shape: unknown;
  datatype: string;
  data?: unknown;
  parameters?: object;
}

export const path = (model: string) => `/v2/models/${model}/infer`;
export const tensor = (name: string, datatype: string, shape: unknown, data: unknown): Input => ({
  name,
  datatype,
  shape,
  data,
});
export const x = (datatype: string, shape: unknown, data: unknown) => ({
  inputs: [tensor('x', datatype, shape, data)],
});
export const ab = (more: object = {}) => ({
  inputs: ['a', 'b'].map((name) => tensor(name, 'FP32', [4], [1, 2, 3, 4])),
  ...more,
});

/** A request whose tensors are binary; `length` is what the header says of the JSON. */
export function binary(head: object, tensors: Uint8Array, length?: number | string): Call {
  const text = JSON.stringify(head);
  return post(Buffer.concat([Buffer.from(text), tensors]), {
    'inference-header-content-length': String(length ?? Buffer.byteLength(text)),
  });
}

export const bytesOf = (data: Float32Array | Uint16Array | BigInt64Array) =>
  new Uint8Array(data.buffer);
export const binaryInput = (
  name: string,
  datatype: string,
  shape: unknown,
  size: unknown,
): Input => ({
  name,
  datatype,
  shape,
  parameters: { binary_data_size: size },
});
export const floats = (...values: number[]) => bytesOf(Float32Array.from(values));
export const outputs = (data: unknown[], more: object = {}) => ({ outputs: [{ data, ...more }] });

// The requests that all servers are asked, in the Open Inference Protocol's forms, and what must come back.
import { fillFloats, sizeOf } from '../models/values.mjs';

/** The model's inputs as floats: {name: {shape, data}}. */
export const floatInputs = (shapes) =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { shape, data: fillFloats(new Float32Array(sizeOf(shape))) },
    ]),
  );

const bytesOf = ({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function post(model, headers, body) {
  const head = {
    Host: '127.0.0.1',
    'Content-Type': 'application/octet-stream',
    ...headers,
    'Content-Length': body.length,
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  const start = `POST /v2/models/${model}/infer HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(start), body]);
}

/** Tensors as bytes behind the JSON, both ways; `more` are other headers. */
export function binaryRequest(model, inputs, more = {}) {
  const described = Object.entries(inputs).map(([name, { shape, data }]) => ({
    name,
    shape,
    datatype: 'FP32',
    parameters: { binary_data_size: data.byteLength },
  }));
  const parameters = { binary_data_output: true };
  const json = Buffer.from(JSON.stringify({ inputs: described, parameters }));
  const body = Buffer.concat([json, ...Object.values(inputs).map(bytesOf)]);
  return post(model, { 'Inference-Header-Content-Length': json.length, ...more }, body);
}

/** Tensors as numbers of JSON, both ways: as JavaScript and Python write a float32, with 17 digits. */
export function jsonRequest(model, inputs) {
  const described = Object.entries(inputs).map(([name, { shape, data }]) => ({
    name,
    shape,
    datatype: 'FP32',
    data: Array.from(data),
  }));
  const body = Buffer.from(JSON.stringify({ inputs: described }));
  return post(model, { 'Content-Type': 'application/json' }, body);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

/** A field of protobuf that has a length: text, bytes, a message or packed numbers. */
function field(number, content) {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** The message of `ModelInfer`, with raw tensors. */
export function inferMessage(model, inputs) {
  const described = Object.entries(inputs).map(([name, { shape }]) => {
    const dims = Buffer.concat(shape.map(varint));
    return field(5, Buffer.concat([field(1, name), field(2, 'FP32'), field(3, dims)]));
  });
  const raw = Object.values(inputs).map((input) => field(7, bytesOf(input)));
  return Buffer.concat([field(1, model), ...described, ...raw]);
}

/** Fails unless an answer's last bytes are these floats, as they are in its binary form and in gRPC's. */
export function endsWith(body, floats) {
  const expected = bytesOf({ data: floats });
  if (!body.subarray(-expected.length).equals(expected)) throw new Error('the answer is wrong');
}

/** Fails unless an answer's JSON has one output with these floats. */
export function hasFloats(body, floats) {
  const { data } = JSON.parse(body).outputs[0];
  const same =
    data.length === floats.length && floats.every((value, at) => Math.fround(data[at]) === value);
  if (!same) throw new Error('the answer is wrong');
}

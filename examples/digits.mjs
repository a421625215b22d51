// Pictures of digits with their labels, a server that is asked about them, and what it says of itself: shared by
// the examples.
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/** 8 × 8 pixels of 0 to 1, row by row, and what they show. */
export function pictures(file) {
  const { image, labels } = arrays(readFileSync(file));
  return Array.from(labels, (label, index) => ({
    label: Number(label),
    image: Array.from(image.subarray(64 * index, 64 * (index + 1))),
  }));
}

const types = { '<f4': Float32Array, '<i4': Int32Array, '<i8': BigInt64Array };

/** The arrays of a file of numpy.savez: a ZIP archive of .npy files. */
function arrays(zip) {
  const found = {};
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [method, packed] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const bytes = zip.subarray(start, start + packed);
    const npy = method === 0 ? bytes : inflateRawSync(bytes);
    const data = 10 + npy.readUInt16LE(8);
    const [, type] = /'descr': '(...)'/.exec(npy.toString('latin1', 0, data)) ?? [];
    found[name.replace(/\.npy$/, '')] = new types[type](Uint8Array.from(npy.subarray(data)).buffer);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return found;
}

/**
 * Asks what digits pictures show. Each request has an id, by which its label finds it later.
 *
 * @param shape - of one picture, as the model has it
 */
export async function ask({ url }, all, prefix, shape) {
  const answers = [];
  for (const [index, { image, label }] of all.entries()) {
    const id = `${prefix}-${index}`;
    const input = { name: 'image', datatype: 'FP32', shape: [1, ...shape], data: image };
    const answer = await post(`${url}/v2/models/digits/infer`, { id, inputs: [input] });
    const { data } = answer.outputs[0];
    const digit = data.indexOf(Math.max(...data));
    answers.push({ requestId: id, label, digit, version: answer.model_version });
  }
  return answers;
}

/** The truth about requests, later. */
export const tellLabels = ({ url }, answers) =>
  post(
    `${url}/watch/models/digits/labels`,
    answers.map(({ requestId, label }) => ({ requestId, label })),
  );

async function post(url, value) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(value) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** The values of one of the server's metrics, with their labels. */
export async function metrics({ url }, name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n').flatMap((line) => {
    const [, labels, value] = new RegExp(`^${name}\\{(.*)\\} (\\S+)$`).exec(line) ?? [];
    if (value === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]);
    return [{ labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

export const share = (part, all) => `${((100 * part) / all).toFixed(1)} %`;
export const right = (answers) => answers.filter(({ digit, label }) => digit === label).length;

import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { describe, expect, it } from 'vitest';

import { model, models, onlite, onliteJson } from './cli-support';

interface Value {
  name: string;
  type: string;
  shape?: (number | string)[];
}

interface Info {
  engine: string;
  size: number;
  sha256: string;
  format: { opsets?: { domain: string; version: number }[] };
  inputs: Value[];
  outputs: Value[];
  signatures: Record<string, { inputs: Value[] }>;
  metadata: { producer: string; custom: Record<string, string>; names: string[] };
  operators: { name: string; count: number }[];
  subgraphs: number;
  weights: { type: string; bytes: number }[];
  externalData: { location: string }[];
}

const files = [
  'add4',
  'mlp',
  'metadata',
  'default_input',
  'optional_input',
  'no_inputs',
  'sequence',
];
const present = readdirSync(models);

describe('onlite info', () => {
  const both = files.flatMap((name) => [`${name}.onnx`, `${name}.tflite`]);
  it.each(both.filter((name) => present.includes(name)))(
    '%s agrees with the runtime',
    async (name) => {
      const info = onliteJson(['info', model(name)]) as Info;
      const session = await InferenceSession.create(model(name));
      expect(info.engine).toBe(session.engine);
      const described = (list: typeof session.inputMetadata): unknown[] =>
        list.map((value) => [value.name, value.isTensor ? value.type : value.kind]);
      const read = (list: Value[]): unknown[] =>
        list.map((value) => [value.name, value.type.replace(/\(.*/, '')]);
      // A default that may be fed is an input with a remark.
      const { inputMetadata, overridableInitializers } = session;
      const inputs = [...inputMetadata, ...overridableInitializers];
      expect(read(info.inputs)).toEqual(described(inputs));
      expect(read(info.outputs)).toEqual(described(session.outputMetadata));
      expect(info.metadata.producer).toBe(session.modelMetadata.producer);
      await session.release();
    },
  );

  it('counts operators of subgraphs', () => {
    const info = onliteJson(['info', model('control_if.onnx')]) as Info;
    expect(info.subgraphs).toBe(2);
    expect(info.operators.find(({ name }) => name === 'If')?.count).toBe(1);
    expect(info.operators.length).toBeGreaterThan(1);
    expect(info.format.opsets?.[0]?.domain).toBe('ai.onnx');
  });

  it('lists signatures', () => {
    const info = onliteJson(['info', model('signatures.tflite')]) as Info;
    expect(Object.keys(info.signatures).length).toBeGreaterThan(1);
  });

  it('sums weights and names external files', () => {
    const info = onliteJson(['info', model('external.onnx')]) as Info;
    expect(info.externalData).toMatchObject([{ location: 'external.bin' }]);
    expect(info.weights[0]?.bytes).toBeGreaterThan(0);
  });

  it('prints all sections for people', () => {
    const { stdout } = onlite(['info', model('conv_int8.tflite')]);
    for (const word of ['sha256', 'Inputs', 'Outputs', 'zero point', 'CONV_2D', 'Weights']) {
      expect(stdout).toContain(word);
    }
  });

  it('needs no runtime', () => {
    const env = { ONLITE_ORT_PATH: '/none', ONLITE_TFLITE_PATH: '/none' };
    expect(onlite(['info', model('add4.onnx')], env).status).toBe(0);
  });

  it('refuses what is no model', () => {
    const { status, stderr } = onlite(['info', import.meta.filename]);
    expect(status).toBe(1);
    expect(stderr).toContain('ERR_MODEL_INVALID');
  });
});

/** Fields of protobuf's wire format, of numbers below 2^32 and of bytes. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
const number = (id: number, value: number): number[] => [id * 8, ...varint(value)];
const start = (id: number, length: number): number[] => [id * 8 + 2, ...varint(length)];

/** A model of one weight, whose data takes no room on the disk: the file ends in a hole. */
function writeHollowModel(file: string, elements: number): void {
  const data = start(9, 4 * elements);
  const tensor = [...number(1, elements), ...number(2, 1), ...data];
  const tensorStart = start(5, tensor.length + 4 * elements);
  const graphStart = start(7, tensorStart.length + tensor.length + 4 * elements);
  const bytes = [...number(1, 8), ...graphStart, ...tensorStart, ...tensor];
  writeFileSync(file, Uint8Array.from(bytes));
  truncateSync(file, bytes.length + 4 * elements);
}

it('onlite info reads large models piece by piece', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'onlite-info-'));
  try {
    const file = path.join(folder, 'hollow.onnx');
    writeHollowModel(file, 2 ** 27);
    const report = 'process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';
    const { stdout, stderr } = onlite(['info', file, '--json'], {
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(report)}`,
    });
    const { weights } = JSON.parse(stdout) as Info;
    expect(weights).toMatchObject([{ type: 'float32', bytes: 2 ** 29 }]);
    // AddressSanitizer keeps what is freed, and its own shadow counts as resident.
    if (process.env['ONLITE_SANITIZER'] === undefined) {
      expect(1024 * Number(stderr)).toBeLessThan(2 ** 28);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

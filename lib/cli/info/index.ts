import { compressionOf, decompressed, type Compression } from '../../compressed-model';
import { decrypted, isEncryptedFile, keyMissing } from '../../encrypted-model';
import { OnliteError } from '../../errors';
import { native } from '../../engine/addon/native';
import { firstBytes } from '../../files';
import { readOnnxModel, readOnnxStructure } from '../../formats/onnx';
import { isTfliteModel, readTfliteModel } from '../../formats/tflite';
import { onlyPositional } from '../arguments';
import type { ModelKeySource } from '../../model-key';
import type { Command } from '../command';
import { describeFile, readModelFile } from '../model-file';
import { keyHelp, keyOptions, keySource } from '../model-key';
import type { ModelSummary, ValueSummary } from './model-summary';
import { summarizeOnnx } from './onnx-summary';
import { isOrtModel, summarizeOrt } from './ort-summary';
import { byteSize, grouped, printable, section, table } from '../output';
import { summarizeTflite } from './tflite-summary';

interface FileSummary extends Partial<Packing> {
  path: string;
  size: number;
  sha256: string;
  encrypted?: true;
}

function shapeText(value: ValueSummary): string {
  if (!value.shape) return '';
  return `[${value.shape.map((dim) => (dim === -1 ? '?' : String(dim))).join(', ')}]`;
}

function quantizationText({ quantization }: ValueSummary): string {
  if (!quantization) return '';
  const { scale, zeroPoint, axis } = quantization;
  if (axis !== undefined) return `${scale.length} scales along axis ${axis}`;
  return `scale ${scale[0]}, zero point ${zeroPoint[0] ?? 0}`;
}

const valueRows = (values: readonly ValueSummary[]): string[][] =>
  values.map((value) => [
    value.name,
    value.type,
    shapeText(value),
    [quantizationText(value), value.optional ? 'optional' : ''].filter(Boolean).join(', '),
  ]);

function formatText({ format }: ModelSummary): string {
  if (format.name === 'tflite') return `TensorFlow Lite, schema version ${format.version}`;
  const opsets = (format.opsets ?? []).map(({ domain, version }) => `${domain} ${version}`);
  const own = format.name === 'ort' ? ` Runtime, format version ${format.formatVersion ?? ''}` : '';
  return `ONNX${own}, IR version ${format.version}, opsets: ${opsets.join(', ')}`;
}

function metadataRows({ metadata }: ModelSummary): string[][] {
  const rows = [
    ['producer', [metadata.producer, metadata.producerVersion].filter(Boolean).join(' ')],
    ['graph', metadata.graphName],
    ['domain', metadata.domain],
    ['version', metadata.version === 0n ? '' : String(metadata.version)],
    ['description', metadata.description],
    ...Object.entries(metadata.custom),
  ];
  return rows.filter(([, value]) => value !== '');
}

function render(file: FileSummary, model: ModelSummary): string {
  const totals = [
    ['file', file.path],
    ['engine', model.engine],
    ['format', formatText(model)],
    ['size', `${byteSize(file.size)} (${grouped(file.size)} bytes)`],
    ['sha256', file.sha256],
  ];
  if (file.unpackedSize !== undefined) {
    const name = file.compression === 'gz' ? 'gzip' : 'zstd';
    totals.push(['compressed', `with ${name}, ${byteSize(file.unpackedSize)} without`]);
  }
  if (file.encrypted) totals.push(['encrypted', 'with AES-256-GCM']);
  if (model.subgraphs > 0) totals.push(['subgraphs', String(model.subgraphs)]);
  if (model.functions > 0) totals.push(['functions', String(model.functions)]);
  const signatures = Object.entries(model.signatures).map(([key, { inputs, outputs }]) =>
    section(`Signature ${printable(key)}`, [
      ...valueRows(inputs).map((row) => ['in', ...row]),
      ...valueRows(outputs).map((row) => ['out', ...row]),
    ]),
  );
  return [
    `${table(totals, { indent: 0 })}\n`,
    section('Inputs', valueRows(model.inputs)),
    section('Outputs', valueRows(model.outputs)),
    ...signatures,
    section('Metadata', metadataRows(model)),
    section(
      'Operators',
      model.operators.map(({ domain, name, count }) => [String(count), name, domain]),
      { right: [0] },
    ),
    section(
      'Weights',
      model.weights.map(({ type, parameters, bytes }) => [
        type,
        grouped(parameters),
        byteSize(bytes),
      ]),
      { header: ['type', 'parameters', 'size'], right: [1, 2] },
    ),
    section(
      'External data',
      model.externalData.map(({ location, tensors }) => [location, `${tensors} tensors`]),
    ),
  ].join('');
}

/** A model is described without the addon too, where there is none for the platform. */
function describeForeignFile(bytes: Uint8Array): string {
  try {
    return native().describeForeignFile(bytes);
  } catch {
    return '';
  }
}

/** An ONNX model, of which the structure alone is read; other files are read whole to name them. */
async function summarizeOnnxFile(path: string): Promise<ModelSummary> {
  try {
    return summarizeOnnx(readOnnxStructure(path));
  } catch (error) {
    if ((error as OnliteError).code !== 'ERR_MODEL_INVALID') throw error;
    const foreign = describeForeignFile(await readModelFile(path).catch(() => new Uint8Array()));
    if (foreign === '') throw error;
    throw new OnliteError('ERR_MODEL_INVALID', `model: this is ${foreign}`);
  }
}

/** How a file is compressed, and what its model is without. */
interface Packing {
  compression: Compression;
  unpackedSize: number;
}

function summarizeBytes(bytes: Uint8Array): ModelSummary {
  if (isTfliteModel(bytes)) return summarizeTflite(readTfliteModel(bytes), bytes);
  if (isOrtModel(bytes)) return summarizeOrt(bytes);
  try {
    return summarizeOnnx(readOnnxModel(bytes));
  } catch (error) {
    const foreign = describeForeignFile(bytes);
    if (foreign === '') throw error;
    throw new OnliteError('ERR_MODEL_INVALID', `model: this is ${foreign}`, { cause: error });
  }
}

async function summarize(
  path: string,
  key: ModelKeySource | undefined,
): Promise<{ model: ModelSummary; packing?: Packing; encrypted?: true }> {
  if (key !== undefined) {
    const bytes = await decrypted(path, key, 'the key that is given');
    const compression = compressionOf(bytes);
    if (compression === undefined) return { model: summarizeBytes(bytes), encrypted: true };
    return { ...(await summarizePacked(bytes, compression)), encrypted: true };
  }
  if (await isEncryptedFile(path)) throw keyMissing('--key-file, --key-env or --key-command');
  const compression = compressionOf(await firstBytes(path, 8));
  if (compression === undefined) return { model: await summarizePlain(path) };
  return summarizePacked(await readModelFile(path), compression);
}

async function summarizePacked(
  packed: Uint8Array,
  compression: Compression,
): Promise<{ model: ModelSummary; packing: Packing }> {
  const bytes = await decompressed(packed, compression);
  return {
    model: summarizeBytes(bytes),
    packing: { compression, unpackedSize: bytes.byteLength },
  };
}

async function summarizePlain(path: string): Promise<ModelSummary> {
  const start = await firstBytes(path, 8);
  if (isTfliteModel(start)) {
    const bytes = await readModelFile(path);
    return summarizeTflite(readTfliteModel(bytes), bytes);
  }
  return isOrtModel(start) ? summarizeOrt(await readModelFile(path)) : summarizeOnnxFile(path);
}

export const info: Command = {
  name: 'info',
  summary: 'describe a model file',
  usage: 'MODEL [options]',
  help: [
    'Describes an ONNX (.onnx, .ort) or TensorFlow Lite model: inputs and outputs with types, shapes and',
    'quantization, signatures, metadata, operators with how often each is used (subgraphs and',
    'functions included), parameters and bytes of weights by type, external data files.',
    '',
    'The file is read directly: no runtime is loaded or needed, and the model is not checked',
    'beyond its structure.',
    '',
    'Options:',
    ...keyHelp,
    '  --json             print JSON',
    '  -h, --help         print this',
  ].join('\n'),
  options: keyOptions,
  async run(args) {
    const path = onlyPositional(args, 'MODEL');
    const { model, packing, encrypted } = await summarize(path, keySource(args));
    const { bytes: size, sha256 } = await describeFile(path);
    const file = { path, size, sha256, ...packing, ...(encrypted ? { encrypted } : {}) };
    return { json: { ...file, ...model }, text: () => render(file, model) };
  },
};

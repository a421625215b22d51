import { existsSync } from 'node:fs';
import { extname } from 'node:path';

import type { ElementType } from '../../engine/tensor/element-type';
import { OnliteError } from '../../errors';
import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import { readNpy, readNpz, type NpyArray } from '../../formats/npy';
import { Tensor } from '../../engine/tensor/tensor';
import { UsageError } from '../command';
import { invalid, parseJson, readDataFile } from './files';
import { random, zeros } from './generate';
import { tensorFromJson } from './json-tensor';

const GENERATED = /^(zeros|random(?::\d+)?)$/;
export const MAX_NUMPY_BYTES = 2 ** 32;

export interface FeedRequest {
  /** `--input` values: `NAME=SOURCE` or `SOURCE`. */
  readonly inputs: readonly string[];
  /** `--shape` values: `NAME=1,3,224,224` or `1,3,224,224`. */
  readonly shapes: readonly string[];
}

function describeInput(value: ValueMetadata): string {
  if (!value.isTensor) return `  ${value.name}: ${value.kind}`;
  return `  ${value.name}: ${value.type} [${value.shape.map((dim) => dim || '?').join(', ')}]`;
}

export const listInputs = (inputs: readonly ValueMetadata[]): string =>
  inputs.map(describeInput).join('\n');

/** Splits at the `=` that ends an input's name: names and paths may both have others. */
function splitName(
  spec: string,
  inputs: readonly ValueMetadata[],
): { name?: string; source: string } {
  const name = inputs
    .map((input) => input.name)
    .filter((candidate) => spec.startsWith(`${candidate}=`))
    .sort((a, b) => b.length - a.length)[0];
  return name === undefined ? { source: spec } : { name, source: spec.slice(name.length + 1) };
}

function parseShapes(
  specs: readonly string[],
  inputs: readonly ValueMetadata[],
): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  for (const spec of specs) {
    const { name = inputs.length === 1 ? inputs[0]?.name : undefined, source } = splitName(
      spec,
      inputs,
    );
    if (name === undefined) {
      throw invalid(`--shape ${spec}: no such input; the model has\n${listInputs(inputs)}`);
    }
    if (!/^(\d+(,\d+)*)?$/.test(source)) {
      throw new UsageError(`--shape ${spec}: expected sizes such as ${name}=1,3,224,224`);
    }
    shapes.set(name, source === '' ? [] : source.split(',').map(Number));
  }
  return shapes;
}

function resolveDims(input: TensorValueMetadata, shapes: ReadonlyMap<string, number[]>): number[] {
  const given = shapes.get(input.name);
  if (given) return given;
  return input.shape.map((dim) => {
    if (typeof dim === 'number' && dim >= 0) return dim;
    throw invalid(
      `inputs.${input.name}: the shape [${input.shape.map((item) => item || '?').join(', ')}] is ` +
        `dynamic: give it with --shape ${input.name}=…`,
    );
  });
}

const read = (file: string): Promise<Buffer> => readDataFile('input', file);

async function readJson(file: string): Promise<unknown> {
  return parseJson(`--input: '${file}'`, (await read(file)).toString('utf8'));
}

/** NumPy stores bfloat16 as uint16 and packed types as bytes; the model knows what they are. */
export function fromNpy(
  array: NpyArray,
  input: ValueMetadata | undefined,
  shapes: ReadonlyMap<string, number[]> = new Map(),
): Tensor {
  let { type, dims } = array;
  if (input?.isTensor && input.type !== type) {
    const packed = /^(u?int[24]|float[48])/.test(input.type);
    if (type === 'uint16' && input.type === 'bfloat16') type = input.type;
    else if (type === 'uint8' && packed) {
      type = input.type;
      dims = resolveDims(input, shapes);
    }
  }
  return new Tensor(type as ElementType, array.data, dims) as Tensor;
}

class FeedBuilder {
  readonly feeds = new Map<string, Tensor>();
  private readonly shapes: ReadonlyMap<string, number[]>;

  constructor(
    private readonly inputs: readonly ValueMetadata[],
    shapes: readonly string[],
  ) {
    this.shapes = parseShapes(shapes, inputs);
  }

  private find(name: string): ValueMetadata {
    const input = this.inputs.find((candidate) => candidate.name === name);
    if (!input) throw invalid(`inputs.${name}: no such input\n${listInputs(this.inputs)}`);
    return input;
  }

  private tensorInput(name: string): TensorValueMetadata {
    const input = this.find(name);
    if (input.isTensor) return input;
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `inputs.${name}: a ${input.kind} cannot be given here`,
    );
  }

  private set(name: string, tensor: Tensor): void {
    this.find(name);
    if (this.feeds.has(name)) throw invalid(`inputs.${name}: given twice`);
    this.feeds.set(name, tensor);
  }

  private generate(name: string, source: string): void {
    const input = this.tensorInput(name);
    const dims = resolveDims(input, this.shapes);
    const seed = Number(source.split(':')[1] ?? 0);
    this.set(
      name,
      source === 'zeros' ? zeros(input.type, dims) : random(name, input.type, dims, seed),
    );
  }

  /** `zeros` or `random` without a name: every required input that has nothing yet. */
  generateRemaining(source: string): void {
    for (const input of this.inputs) {
      if (!this.feeds.has(input.name) && !input.optional) this.generate(input.name, source);
    }
  }

  async addNamed(name: string, source: string): Promise<void> {
    if (GENERATED.test(source)) {
      this.generate(name, source);
      return;
    }
    const input = this.find(name);
    switch (extname(source).toLowerCase()) {
      case '.npy':
        this.set(name, fromNpy(readNpy(await read(source)), input, this.shapes));
        break;
      case '.npz': {
        const arrays = readNpz(await read(source), { maxBytes: MAX_NUMPY_BYTES });
        const array = arrays.get(name) ?? (arrays.size === 1 ? [...arrays.values()][0] : undefined);
        if (!array) throw invalid(`--input ${name}=${source}: no array of that name`);
        this.set(name, fromNpy(array, input, this.shapes));
        break;
      }
      case '.json': {
        const value = await readJson(source);
        this.set(name, tensorFromJson(value, this.tensorInput(name).type, `inputs.${name}`));
        break;
      }
      default:
        throw invalid(
          `--input ${name}=${source}: expected .npy, .npz, .json, zeros or random[:seed]`,
        );
    }
  }

  private async addNamedArrays(source: string): Promise<void> {
    const arrays = readNpz(await read(source), { maxBytes: MAX_NUMPY_BYTES });
    for (const [name, array] of arrays)
      this.set(name, fromNpy(array, this.find(name), this.shapes));
  }

  /** An object whose keys are all input names feeds by name; anything else is one tensor. */
  private async addJsonObject(source: string): Promise<boolean> {
    const value = await readJson(source);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value as Record<string, unknown>);
    if (!entries.every(([name]) => this.inputs.some((input) => input.name === name))) return false;
    for (const [name, item] of entries) {
      this.set(name, tensorFromJson(item, this.tensorInput(name).type, `inputs.${name}`));
    }
    return true;
  }

  async addUnnamed(source: string): Promise<void> {
    const name = /^([^=]*)=/.exec(source)?.[1];
    if (name !== undefined && !existsSync(source)) {
      throw invalid(
        `--input ${source}: no input is called '${name}'; the model has\n${listInputs(this.inputs)}`,
      );
    }
    const extension = extname(source).toLowerCase();
    const [only, second] = this.inputs;
    const single = second === undefined ? only : undefined;
    if (extension === '.npz' && !single) return this.addNamedArrays(source);
    if (extension === '.json' && (await this.addJsonObject(source))) return;
    if (single) return this.addNamed(single.name, source);
    throw invalid(
      `--input ${source}: which input? Write NAME=SOURCE; the model has\n${listInputs(this.inputs)}`,
    );
  }
}

/**
 * The feeds for a run, checked against the inputs' names; types and shapes are the session's to
 * check.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when an input is unknown, given twice or missing.
 */
export async function buildFeeds(
  inputs: readonly ValueMetadata[],
  request: FeedRequest,
): Promise<Record<string, Tensor>> {
  const builder = new FeedBuilder(inputs, request.shapes);
  const forRest: string[] = [];
  for (const spec of request.inputs) {
    const { name, source } = splitName(spec, inputs);
    if (name !== undefined) await builder.addNamed(name, source);
    else if (GENERATED.test(source)) forRest.push(source);
    else await builder.addUnnamed(source);
  }
  if (forRest.length > 1) throw new UsageError('--input zeros or random: once without a name');
  if (forRest[0] !== undefined) builder.generateRemaining(forRest[0]);
  const missing = inputs.filter(({ name, optional }) => !optional && !builder.feeds.has(name));
  if (missing.length > 0) {
    throw invalid(
      `nothing is given for\n${listInputs(missing)}\nuse --input NAME=FILE, or --input zeros for all`,
    );
  }
  // No prototype: the model chooses the names.
  const feeds = Object.create(null) as Record<string, Tensor>;
  for (const [name, tensor] of builder.feeds) feeds[name] = tensor;
  return feeds;
}

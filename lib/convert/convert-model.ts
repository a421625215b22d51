import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { throwIfAborted } from '../abort';
import { checkString } from '../checks';
import type { ValueMetadata } from '../engine/session/metadata';
import { InferenceSession } from '../engine/session/session';
import { OnliteError } from '../errors';
import { makeTemporaryFolder } from '../files';
import { packageVersion } from '../package';
import type { Ends, Runnable } from '../optimize/compare/contender';
import { modelByteLength } from '../optimize/guard/byte-length';
import { checkPaths } from '../optimize/guard/check-paths';
import { checkConversion, joinChecks, type ConversionCheck } from './check';
import { ConverterProcess } from './converter-process';
import { endsOf, type Described, type DescribedValue } from './described';
import { environmentState, makeEnvironment } from './environment/environment';
import { convertersFolder } from './environment/lock';
import { givenPython } from './environment/python';
import { finish, place } from './finish';
import { checkConvertOptions, type ConvertOptions } from './options';
import { runOriginal, runSession } from './original';
import { planConversion, type Plan, type SourceKind, type TargetFormat } from './plan';
import { randomSamples, type Feeds } from './samples';
import { sourceHash } from './source-hash';

/** An input or output in the source and in the converted model. */
export interface ConvertedValue {
  readonly signature: string;
  readonly end: 'input' | 'output';
  readonly name: string;
  readonly source: ValueMetadata;
  readonly converted: ValueMetadata;
}

/** What {@link convertModel} has done. */
export interface ConvertResult {
  readonly source: { readonly path: string; readonly kind: SourceKind; readonly sha256: string };
  readonly target: { readonly path: string; readonly format: TargetFormat; readonly bytes: number };
  /** Of the packages that have made it. */
  readonly versions: Readonly<Record<string, string>>;
  /** What a reader should know, such as signatures that were left out. */
  readonly notes: readonly string[];
  readonly values: readonly ConvertedValue[];
  readonly check: ConversionCheck;
  /** Whether the target was written. */
  readonly written: boolean;
}

const DEFAULT_COUNT = 4;
const isOnlites = (kind: SourceKind): boolean => kind === 'onnx' || kind === 'tflite';

/** `344.6 MB` */
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function pythonFor({ environment: name }: Plan, options: ConvertOptions): Promise<string> {
  const { python, consent, signal, onStage } = options;
  if (python !== undefined) return givenPython(python).path;
  const environment = environmentState(name);
  if (environment.python !== undefined) return environment.python;
  if ((await consent?.(environment)) !== true) {
    const { downloadBytes } = environment;
    const size = downloadBytes === undefined ? '' : ` (${megabytes(downloadBytes)} to download)`;
    throw new OnliteError(
      'ERR_RUNTIME_NOT_FOUND',
      `the converter's Python packages are not there: the environment '${name}'${size} is made in ` +
        `${environment.folder} with consent (onlite convert --yes), or name a Python that has them ` +
        'with --python',
    );
  }
  return makeEnvironment(name, { signal, onStage: (stage) => onStage?.(`environment: ${stage}`) });
}

/** What a program in Python is asked for, and what a model says that it was made with. */
function settingsOf(options: ConvertOptions): object {
  const { shapes, dynamicBatch, opset, signature, float16, trust } = options;
  const dims = Object.entries(shapes ?? {}).map(([name, shape]) => [name, shape.dims] as const);
  const types = Object.entries(shapes ?? {}).flatMap(([name, { type }]) =>
    type === undefined ? [] : [[name, type] as const],
  );
  return {
    ...(dims.length === 0 ? {} : { shapes: Object.fromEntries(dims) }),
    ...(types.length === 0 ? {} : { types: Object.fromEntries(types) }),
    ...(dynamicBatch === true ? { dynamicBatch } : {}),
    ...(opset === undefined ? {} : { opset }),
    ...(signature === undefined ? {} : { signature }),
    ...(float16 === true ? { float16 } : {}),
    ...(trust === true ? { trust } : {}),
  };
}

function refuseOtherOptions({ kind, format }: Plan, options: ConvertOptions): void {
  const refuse = (name: keyof ConvertOptions, reason: string): void => {
    const given = options[name];
    const isGiven = given !== undefined && given !== false && Object.keys(given).length !== 0;
    if (!isGiven && typeof given !== 'number') return;
    throw new OnliteError('ERR_INVALID_ARGUMENT', `options.${name}: ${reason}`);
  };
  if (format !== 'onnx') refuse('opset', 'the target is no ONNX model');
  if (format !== 'tflite') refuse('float16', 'the target is no TensorFlow Lite model');
  if (kind !== 'saved-model') refuse('signature', 'the source is no SavedModel');
  if (kind !== 'torchscript') refuse('dynamicBatch', 'the source is no TorchScript model');
  if (kind === 'tflite') refuse('shapes', 'the source has the shapes of its inputs');
}

/** A session whose open dimensions have the sizes that were asked for. */
function withShapes(session: InferenceSession, { shapes = {} }: ConvertOptions): Runnable {
  const inputMetadata = session.inputMetadata.map((input) => {
    const dims = Object.hasOwn(shapes, input.name) ? shapes[input.name]?.dims : undefined;
    return input.isTensor && dims ? { ...input, shape: dims } : input;
  });
  return {
    inputMetadata,
    outputMetadata: session.outputMetadata,
    run: (feeds, options) => session.run(feeds, options),
  };
}

/** One signature of a session, as a session. */
function signatureOf(session: InferenceSession, key: string, count: number): Runnable {
  const signature = session.signatures[key];
  if (signature === undefined || count < 2) return session;
  return {
    inputMetadata: signature.inputs,
    outputMetadata: signature.outputs,
    run: (feeds, options) => session.run(feeds, { ...options, signature: key }),
  };
}

async function samplesFor(
  ends: Ends,
  options: ConvertOptions,
  described: readonly DescribedValue[] = [],
): Promise<Feeds[]> {
  const { samples, count = DEFAULT_COUNT, seed = 0 } = options;
  const inputs = ends.inputMetadata;
  const found: Feeds[] = [];
  const known = new Map(described.flatMap(({ name, values }) => (values ? [[name, values]] : [])));
  const chosen = samples ? await samples(inputs) : randomSamples(inputs, { seed, count }, known);
  for await (const feeds of chosen) found.push(feeds);
  if (found.length === 0) throw new OnliteError('ERR_INVALID_ARGUMENT', 'samples: there are none');
  return found;
}

function valuesOf(signature: string, source: Ends, converted: Ends): ConvertedValue[] {
  const pair = (end: 'input' | 'output'): ConvertedValue[] => {
    const others = converted[`${end}Metadata`];
    return source[`${end}Metadata`].flatMap((value, index) => {
      const other = others.find(({ name }) => name === value.name) ?? others[index];
      return other ? [{ signature, end, name: value.name, source: value, converted: other }] : [];
    });
  };
  return [...pair('input'), ...pair('output')];
}

interface Work {
  readonly plan: Plan;
  readonly options: ConvertOptions;
  readonly converter: ConverterProcess;
  readonly folder: string;
  readonly described: Described;
}

type Checked = Pick<ConvertResult, 'check' | 'values'>;

/** Runs the original and the converted model side by side, signature by signature. */
async function check(finished: string, work: Work): Promise<Checked> {
  const { plan, options, converter, folder, described } = work;
  const { signal, threads, maxError, float16 = false } = options;
  const settings = {
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  } as const;
  const limits = { maxError, float16 };
  const session = await InferenceSession.create(finished, settings).catch((cause: unknown) => {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new OnliteError('ERR_MODEL_INVALID', `the converted model cannot be loaded: ${words}`, {
      cause,
    });
  });
  try {
    if (isOnlites(plan.kind)) {
      const original = await InferenceSession.create(plan.source, settings);
      try {
        const source = withShapes(original, options);
        const samples = await samplesFor(source, options);
        const expected = await runSession(source, samples, signal);
        const sides = { signature: '', source, expected, converted: session };
        const found = await checkConversion(sides, samples, limits, signal);
        return { check: found, values: valuesOf('', source, session) };
      } finally {
        await original.release();
      }
    }
    const signatures = Object.entries(described.signatures ?? {});
    const checks: ConversionCheck[] = [];
    const values: ConvertedValue[] = [];
    for (const [key, each] of signatures) {
      const source = endsOf(each);
      const converted = signatureOf(session, key, signatures.length);
      const samples = await samplesFor(source, options, each.inputs);
      const expected = await runOriginal(converter, samples, {
        folder,
        signature: key,
        ends: source,
      });
      const signature = signatures.length > 1 ? key : '';
      const sides = { signature, source, expected, converted };
      checks.push(await checkConversion(sides, samples, limits, signal));
      values.push(...valuesOf(signature, source, converted));
    }
    return { check: joinChecks(checks), values };
  } finally {
    await session.release();
  }
}

/** What a model was made of, the same text for the same conversion: no date, no paths. */
function provenanceOf(plan: Plan, sha256: string, described: Described, settings: object): string {
  const name = basename(resolve(plan.source));
  return JSON.stringify({
    source: { name, kind: plan.kind, sha256 },
    versions: { onlite: packageVersion, ...described.versions },
    options: settings,
  });
}

async function convertIn(
  folder: string,
  plan: Plan,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const { source, kind, format, target, program } = plan;
  const { signal, onStage, force = false } = options;
  const python = await pythonFor(plan, options);
  throwIfAborted(signal, 'the conversion');
  const sha256 = await sourceHash(source);
  const settings = settingsOf(options);
  const converter = new ConverterProcess({
    python,
    program: join(convertersFolder(), program),
    folder,
    signal,
    onStage: (stage) => onStage?.(stage as 'loading'),
  });
  try {
    const made = join(folder, `made.${format}`);
    const request = { source: resolve(source), kind, format, target: made, options: settings };
    const described = (await converter.ask('convert', request)) as Described;
    const finished = join(folder, `finished.${format}`);
    const provenance = provenanceOf(plan, sha256, described, settings);
    await finish(made, finished, format, { described, provenance });
    onStage?.('checking');
    const found = await check(finished, { plan, options, converter, folder, described });
    const written = found.check.holds || force;
    const bytes = await modelByteLength(finished);
    if (written) {
      onStage?.('writing');
      await place(finished, target, format);
    }
    return {
      source: { path: source, kind, sha256 },
      target: { path: target, format, bytes },
      versions: described.versions,
      notes: described.notes,
      ...found,
      written,
    };
  } finally {
    await converter.close();
  }
}

/**
 * Converts a model: Keras (.keras, .h5) and SavedModel to TensorFlow Lite or ONNX, scikit-learn
 * (.skops, .joblib, pickles) and PyTorch (.pt2, TorchScript) to ONNX, and ONNX and TensorFlow Lite to
 * each other. The field's converters do it, in a Python environment of their own. The converted model is
 * run beside the original, and written where their outputs agree. The same source gives the same bytes.
 *
 * @param target - a file of .tflite or .onnx; by default the source's name, in the working directory
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_INVALID; ERR_INVALID_ARGUMENT; ERR_RUNTIME_NOT_FOUND
 *   where Python or the environment is missing; ERR_UNSUPPORTED where the model cannot be converted:
 *   the message names the operator or layer and what can be done; ERR_RUN_FAILED where the converter
 *   fails, whose words are the cause; ERR_CANCELLED, ERR_TIMEOUT
 */
export async function convertModel(
  source: string,
  target?: string,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  checkString(source, 'source');
  if (target !== undefined) checkString(target, 'target');
  const checked = checkConvertOptions(options);
  const plan = await planConversion(source, target);
  refuseOtherOptions(plan, checked);
  await checkPaths(source, plan.target);
  const folder = await makeTemporaryFolder('onlite-convert-');
  try {
    return await convertIn(folder, plan, checked);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

import { readFile } from 'node:fs/promises';

import { checkOptions, setOwn } from '../checks';
import { unpacked } from '../compressed-model';
import { decrypted, isEncrypted, keyMissing } from '../encrypted-model';
import { OnliteError, invalidArgument, noConstructor } from '../errors';
import { unreadable } from '../files';
import { checkKeySource, type ModelKeySource } from '../model-key';
import {
  isTfliteModel,
  readTfliteModel,
  type TfliteModel,
  type TfliteTensor,
} from '../formats/tflite';
import { native } from '../engine/addon/native';
import type { IoBinding } from '../engine/run/io-binding';
import { requireAccess } from '../engine/run/leases';
import { modelName, parseCreateArguments } from '../engine/session/model-source';
import { InferenceSession } from '../engine/session/session';
import type { SessionOptions } from '../engine/session/session-options';
import { elementCount, type ElementType, type NumericData } from '../engine/tensor/element-type';
import type { Tensor } from '../engine/tensor/tensor';
import {
  signatureList,
  signatureRunner,
  type SignatureList,
  type SignatureRunner,
} from './signature-runner';
import { tensorDetails, type TensorDetails } from './tensor-details';
import { copyOf, requireShape, tensorOf, type TensorValue } from './tensor-value';

/** What {@link Interpreter.create} takes: `model_path`, `model_content` and `num_threads` of Python's. */
export interface InterpreterOptions {
  /** The model's file. Either this or `modelContent`. */
  readonly modelPath?: string | URL;
  /** The model's bytes. */
  readonly modelContent?: ArrayBufferView | ArrayBufferLike;
  /** Threads inside one run. Default 1. */
  readonly numThreads?: number;
  /**
   * `['xnnpack', 'cpu']` by default, as Python's interpreter; `['cpu']` is its
   * `OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES`.
   */
  readonly executionProviders?: SessionOptions['executionProviders'];
  /** The key of an encrypted model, as {@link SessionOptions.decrypt}. */
  readonly decrypt?: ModelKeySource;
}

const keys: ReadonlySet<string> = new Set<keyof InterpreterOptions>([
  'modelPath',
  'modelContent',
  'numThreads',
  'executionProviders',
  'decrypt',
]);

/** An input or output of the model's primary subgraph. */
interface Slot {
  readonly index: number;
  readonly tensor: TfliteTensor;
  /** The session's name, which is unique among inputs or outputs. */
  readonly name: string;
  /** What an input is allocated for, an output is declared as. */
  shape: readonly number[];
}

/** What `create` hands to the constructor. No caller has one. */
class Loaded {
  constructor(
    readonly session: InferenceSession,
    readonly model: TfliteModel,
  ) {}
}

/**
 * Runs a TensorFlow Lite model as Python's `Interpreter` does: allocate tensors, set inputs by index,
 * invoke, get outputs by index. It is an {@link InferenceSession} with one binding.
 *
 * Python's constructor loads the model before it returns. Here `create` does that and is awaited,
 * because reading a model and packing its weights may take seconds, for which the event loop must
 * not stand still. Everything else is synchronous, as Python's is, and `invokeAsync` is the run
 * that leaves the event loop free.
 *
 * @example
 * ```js
 * const interpreter = await Interpreter.create({ modelPath: 'model.tflite' });
 * interpreter.allocateTensors();
 * const [input] = interpreter.getInputDetails();
 * const [output] = interpreter.getOutputDetails();
 * interpreter.setTensor(input.index, pixels);
 * interpreter.invoke();
 * interpreter.getTensor(output.index).data;
 * ```
 */
export class Interpreter implements AsyncDisposable {
  readonly #session: InferenceSession;
  readonly #model: TfliteModel;
  readonly #inputs: readonly Slot[];
  readonly #outputs: readonly Slot[];
  /** Made by allocateTensors, or when it is needed; undefined after a resize. */
  #binding: IoBinding | undefined;

  private constructor(loaded: Loaded) {
    if (!(loaded instanceof Loaded)) throw noConstructor('Interpreter', 'Interpreter.create');
    const { session, model } = loaded;
    this.#session = session;
    this.#model = model;
    const [primary] = model.subgraphs;
    const slots = (indexes: readonly number[], names: readonly string[]): Slot[] =>
      indexes.flatMap((index, position) => {
        const tensor = primary?.tensors[index];
        if (tensor === undefined) return [];
        return { index, tensor, name: names[position] ?? '', shape: tensor.shape };
      });
    this.#inputs = slots(primary?.inputs ?? [], session.inputNames);
    this.#outputs = slots(primary?.outputs ?? [], session.outputNames);
  }

  /**
   * Loads a model.
   *
   * @throws OnliteError as {@link InferenceSession.create}; ERR_MODEL_INVALID for an ONNX model.
   */
  static async create(options: InterpreterOptions): Promise<Interpreter> {
    const checked = checkOptions(options, 'options', keys) as InterpreterOptions;
    const { numThreads, executionProviders } = checked;
    const { bytes, name } = await readModel(checked);
    requireTflite(bytes);
    const model = readTfliteModel(bytes);
    const session = await InferenceSession.create(bytes, {
      ...(numThreads === undefined ? {} : { intraOpNumThreads: numThreads }),
      ...(executionProviders === undefined ? {} : { executionProviders }),
      name,
      resizeInputs: true,
    });
    return new Interpreter(new Loaded(session, model));
  }

  /**
   * Gives every input memory of its shape. Python's must be called before anything else; here that
   * is done when it is needed, so that a call says when.
   *
   * @throws OnliteError ERR_OUT_OF_MEMORY or ERR_SESSION_RELEASED.
   */
  allocateTensors(): void {
    this.#allocated();
  }

  /** The inputs, in the model's order. */
  getInputDetails(): TensorDetails[] {
    return this.#inputs.map((slot) => tensorDetails(slot.index, slot.tensor, slot.shape));
  }

  /**
   * The outputs, in the model's order. The shape of one that depends on an input's dynamic dims, or on
   * resized inputs, is what the model declares until the first run.
   */
  getOutputDetails(): TensorDetails[] {
    return this.#outputs.map(({ index, tensor, name, shape }) =>
      tensorDetails(index, tensor, this.#bound('outputs', name)?.dims ?? shape),
    );
  }

  /**
   * Copies a value into an input.
   *
   * @param tensorIndex - `index` of the input's details
   * @throws OnliteError ERR_INVALID_ARGUMENT if the index is no input's, ERR_TYPE_MISMATCH or
   *   ERR_SHAPE_MISMATCH for a value that does not fit, ERR_BUSY while `invokeAsync` reads the input.
   */
  setTensor(tensorIndex: number, value: TensorValue): void {
    const slot = this.#input(tensorIndex);
    const details = tensorDetails(slot.index, slot.tensor, slot.shape);
    const tensor = tensorOf(value, details);
    requireShape(tensor, details);
    const binding = this.#allocated();
    const target = binding.inputs[slot.name];
    if (target === undefined || target.type === 'string') {
      binding.setInput(slot.name, copyOf(tensor));
      return;
    }
    requireAccess(target, true, `inputs.${slot.name}`);
    (target.data as Float32Array).set(tensor.data as Float32Array);
  }

  /**
   * A copy of an input's or output's value.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT if the index is none of theirs, or the output has no value
   *   before the first run; ERR_UNSUPPORTED for other tensors of the model, whose memory the
   *   runtime reuses during a run; ERR_BUSY while `invokeAsync` writes the output.
   */
  getTensor(tensorIndex: number): Tensor<ElementType> {
    const [list, slot] = this.#slot(tensorIndex);
    const tensor = this.#valueOf(list, slot);
    requireAccess(tensor, false, `${list}.${slot.name}`);
    return copyOf(tensor);
  }

  /**
   * A function that gives an input's or output's own memory, not a copy: write inputs and read outputs
   * there. As in Python, call it again for each use; what it gave before is not the tensor's
   * any more after a resize.
   *
   * @throws OnliteError as {@link Interpreter.getTensor}.
   */
  tensor(tensorIndex: number): () => NumericData | string[] {
    const [list, slot] = this.#slot(tensorIndex);
    return () => this.#valueOf(list, slot).data;
  }

  /**
   * Changes the shape of an input; the tensors' values are gone then.
   *
   * @param strict - allow only those dims to change that the model declares as dynamic
   * @throws OnliteError ERR_INVALID_ARGUMENT. What the model cannot take is ERR_SHAPE_MISMATCH when
   *   tensors are allocated or the model runs.
   */
  resizeTensorInput(inputIndex: number, tensorSize: readonly number[], strict = false): void {
    const slot = this.#input(inputIndex);
    if (!Array.isArray(tensorSize)) throw invalidArgument('tensorSize', 'an array', tensorSize);
    elementCount(tensorSize, 'tensorSize');
    if (strict) requireDynamic(slot.tensor, tensorSize);
    slot.shape = [...(tensorSize as readonly number[])];
    this.#free();
  }

  /**
   * Runs the model on the calling thread.
   *
   * @throws OnliteError as {@link InferenceSession.runSync}; ERR_BUSY during `invokeAsync`.
   */
  invoke(): void {
    this.#allocated().runSync();
  }

  /**
   * Runs the model on a thread of its own. Leave the tensors alone until the promise settles.
   *
   * @throws OnliteError as {@link InferenceSession.run}.
   */
  async invokeAsync(): Promise<void> {
    await this.#allocated().run();
  }

  /**
   * Puts the model's variables back to their initial values, resource variables too, which Python's
   * leaves as they are.
   *
   * @throws OnliteError ERR_BUSY during `invokeAsync`.
   */
  resetAllVariables(): void {
    this.#session.resetVariablesSync();
  }

  /** The model's signatures; empty if it has none. */
  getSignatureList(): SignatureList {
    return signatureList(this.#session);
  }

  /**
   * A function that runs the model by a signature. It has inputs and outputs of its own:
   * `getTensor` does not show them.
   *
   * @param signatureKey - may be left out where there is one signature
   * @throws OnliteError ERR_INVALID_ARGUMENT if there is no such signature.
   */
  getSignatureRunner(signatureKey?: string): SignatureRunner {
    return signatureRunner(this.#session, this.#model, signatureKey);
  }

  /** Frees the model and its tensors, as {@link InferenceSession.release}; Python leaves that to its collector. */
  async release(): Promise<void> {
    this.#free();
    await this.#session.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #allocated(): IoBinding {
    return (this.#binding ??= this.#bind());
  }

  #bind(): IoBinding {
    const dims: Record<string, readonly number[]> = {};
    for (const { name, shape } of this.#inputs) setOwn(dims, name, shape);
    // These would be taken for the dims of an output of that name.
    const outputs: Record<string, 'dynamic'> = {};
    for (const { name } of this.#outputs) {
      if (Object.hasOwn(dims, name)) setOwn(outputs, name, 'dynamic');
    }
    return this.#session.bind({ inputs: this.#emptyStrings(), outputs, dims });
  }

  /** A binding has no memory for strings to give. */
  #emptyStrings(): Record<string, Tensor> {
    const inputs: Record<string, Tensor> = {};
    for (const { index, tensor, name, shape } of this.#inputs) {
      if (tensor.type !== 'string') continue;
      const strings = new Array<string>(elementCount(shape, name)).fill('');
      setOwn(inputs, name, tensorOf(strings, tensorDetails(index, tensor, shape)));
    }
    return inputs;
  }

  #free(): void {
    this.#binding?.dispose();
    this.#binding = undefined;
  }

  #bound(list: 'inputs' | 'outputs', name: string): Tensor | undefined {
    const tensors = this.#binding?.[list];
    return tensors !== undefined && Object.hasOwn(tensors, name) ? tensors[name] : undefined;
  }

  #valueOf(list: 'inputs' | 'outputs', { name }: Slot): Tensor {
    this.#allocated();
    const tensor = this.#bound(list, name);
    if (tensor !== undefined) return tensor;
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${list}.${name}: has no value before invoke()`);
  }

  #input(tensorIndex: number): Slot {
    const slot = this.#inputs.find(({ index }) => index === tensorIndex);
    if (slot !== undefined) return slot;
    const indexes = this.#inputs.map(({ index }) => index).join(', ');
    throw invalidArgument('tensorIndex', `the index of an input (${indexes})`, tensorIndex);
  }

  #slot(tensorIndex: number): ['inputs' | 'outputs', Slot] {
    for (const [list, slots] of [
      ['inputs', this.#inputs],
      ['outputs', this.#outputs],
    ] as const) {
      const slot = slots.find(({ index }) => index === tensorIndex);
      if (slot !== undefined) return [list, slot];
    }
    const length = this.#model.subgraphs[0]?.tensors.length ?? 0;
    if (!Number.isInteger(tensorIndex) || tensorIndex < 0 || tensorIndex >= length) {
      throw invalidArgument('tensorIndex', 'the index of an input or output', tensorIndex);
    }
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `tensorIndex: ${tensorIndex} is neither an input nor an output, and only those are kept`,
    );
  }
}

/** @throws OnliteError ERR_INVALID_ARGUMENT unless only dims that are declared dynamic change. */
function requireDynamic({ shape, shapeSignature = shape }: TfliteTensor, dims: unknown[]): void {
  const isAllowed = (declared: number, axis: number): boolean =>
    declared < 0 || declared === dims[axis];
  if (dims.length === shapeSignature.length && shapeSignature.every(isAllowed)) return;
  throw invalidArgument('tensorSize', `[${shapeSignature.join(',')}], where -1 is any size`, dims);
}

/** The model's bytes as they are now, and what metrics call it. */
async function readModel({
  modelPath,
  modelContent,
  decrypt,
}: InterpreterOptions): Promise<{ bytes: Uint8Array; name: string }> {
  if ((modelPath === undefined) === (modelContent === undefined)) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      'options: expected either modelPath or modelContent',
    );
  }
  const { source } = parseCreateArguments([modelPath ?? modelContent]);
  const name = modelName(source, undefined);
  const path = 'options.decrypt';
  const key = checkKeySource(decrypt, path);
  if (key !== undefined) return { bytes: await unpacked(await decrypted(source, key, path)), name };
  const bytes =
    typeof source === 'string'
      ? await readFile(source).catch((cause: unknown) => {
          throw unreadable(`model: cannot read ${source}`, cause);
        })
      : source;
  if (isEncrypted(bytes)) throw keyMissing(path);
  return { bytes: await unpacked(bytes), name };
}

function requireTflite(bytes: Uint8Array): void {
  if (isTfliteModel(bytes)) return;
  const found = native().describeForeignFile(bytes);
  throw new OnliteError(
    'ERR_MODEL_INVALID',
    found === '' ? 'not a TensorFlow Lite model; an InferenceSession runs ONNX models' : found,
  );
}

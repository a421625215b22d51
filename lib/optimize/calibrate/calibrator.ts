import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { types } from 'node:util';

import { checkArray, checkOptions, checkString, optionalBoolean } from '../../checks';
import type { TensorLike } from '../../engine/run/feeds';
import { checkLimits } from '../../engine/run/run-options';
import type {
  Quantization,
  TensorValueMetadata,
  ValueMetadata,
} from '../../engine/session/metadata';
import type { SessionOptions } from '../../engine/session/session-options';
import type { ElementType } from '../../engine/tensor/element-type';
import { isTensor, Tensor } from '../../engine/tensor/tensor';
import { invalidArgument, OnliteError } from '../../errors';
import { defined } from '../defined';
import { feedsFor } from '../compare/feeds';
import { matchValues } from '../compare/match';
import { realValues } from '../compare/real-values';
import { checkedSamples, type Sample, type Samples } from '../compare/sample';
import { layeredModel, readLayeredModel } from '../layers/layered-model';
import type { Range } from '../quantize/parameters';
import type { Moments } from './channel-moments';
import { Lanes } from './lanes';
import { byteLengthOf, OutputTensors, type Outputs } from './output-tensors';
import { checkRangeMethod, TensorObserver, type RangeMethod } from './tensor-observer';

export interface CalibratorOptions {
  /** What methods other than minmax need, 64 KiB a tensor; default true. */
  readonly histograms?: boolean;
  /** Tensors whose {@link Moments} are wanted, with the channels' dimension. */
  readonly moments?: ReadonlyMap<string, number>;
  readonly session?: SessionOptions;
}

/** How far a {@link Calibrator} has come. */
export interface CalibrationProgress {
  /** Samples that have been through the model. */
  readonly done: number;
  readonly elapsedMs: number;
  /** Estimated time left; where the number of samples is known. */
  readonly remainingMs?: number;
}

export interface CollectOptions {
  /** How many samples there are, where that is known. */
  readonly total?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CalibrationProgress) => void;
}

const calibratorKeys = new Set<keyof CalibratorOptions>(['histograms', 'moments', 'session']);
const collectKeys = new Set<keyof CollectOptions>(['total', 'signal', 'onProgress']);

const MAX_TENSORS = 2 ** 20;

function checkCalibratorOptions(options: CalibratorOptions): void {
  const checked = checkOptions(options, 'options', calibratorKeys);
  optionalBoolean(checked, 'histograms', 'options');
  const { moments } = checked;
  if (moments === undefined) return;
  if (!types.isMap(moments)) {
    throw invalidArgument('options.moments', 'a Map of dimensions by tensor', moments);
  }
  for (const name of moments.keys()) checkString(name, 'options.moments');
}

function checkCollectOptions(options: CollectOptions): void {
  const checked = checkOptions(options, 'options', collectKeys);
  checkLimits(checked, 'options');
  const { total, onProgress } = checked;
  if (total !== undefined && !(typeof total === 'number' && total >= 0)) {
    throw invalidArgument('options.total', 'a number of samples', total);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('options.onProgress', 'a function', onProgress);
  }
}

const FLOATS: ReadonlySet<ElementType> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

/** A tensor of real numbers, or of integers that stand for such. */
function requireReal(value: ValueMetadata): TensorValueMetadata {
  if (value.isTensor && (FLOATS.has(value.type) || value.quantization)) return value;
  const found = value.isTensor ? value.type : value.kind;
  throw new OnliteError(
    'ERR_TYPE_MISMATCH',
    `tensor '${value.name}': expected floats, got ${found}`,
  );
}

/** A tensor that is watched. */
interface Watched {
  readonly observer: TensorObserver;
  readonly quantization: Quantization | undefined;
}

/** A tensor in memory of its own: the next sample may be made in that of this one. */
function copyOf(value: TensorLike): TensorLike {
  if (!isTensor(value)) return value;
  const { type, data, dims } = value;
  return new Tensor(type, data.slice(), dims);
}

/**
 * Runs a model on samples and keeps of some of its tensors which values they took: what their
 * ranges in integers are found from, by any {@link RangeMethod} without another run. The memory for
 * it is the same for any number of samples; a run's tensors are reused by the next ones.
 */
export class Calibrator implements AsyncDisposable {
  readonly #lanes: Lanes;
  readonly #tensors: OutputTensors;
  readonly #inputs: readonly Watched[];
  readonly #outputs: readonly Watched[];
  #samples = 0;
  #isReleased = false;

  private constructor(
    lanes: Lanes,
    names: readonly string[],
    { histograms = true, moments }: CalibratorOptions,
  ) {
    const { session } = lanes;
    this.#lanes = lanes;
    const watched = (values: readonly ValueMetadata[]): Watched[] =>
      values
        .filter(({ name }) => names.includes(name))
        .map((value) => {
          const { name, quantization } = requireReal(value);
          const momentsAxis = moments?.get(name);
          const axis = momentsAxis === undefined ? {} : { momentsAxis };
          const observer = new TensorObserver(name, { histogram: histograms, ...axis });
          return { observer, quantization };
        });
    this.#inputs = watched(session.inputMetadata);
    const inputs = new Set(session.inputNames);
    this.#outputs = watched(session.outputMetadata.filter(({ name }) => !inputs.has(name)));
    this.#tensors = new OutputTensors(this.#outputs.map(({ observer }) => observer.name));
  }

  /**
   * Loads a model with the tensors as further outputs; where one is, the runtime does not fuse
   * operators across it.
   *
   * @param model - a path, or the bytes of a model without external data
   * @param tensors - names of inputs, outputs, and tensors between operators of the main graph
   * @throws OnliteError ERR_INVALID_ARGUMENT for a name that is none of these, and other arguments that
   *   are wrong, ERR_TYPE_MISMATCH for a tensor that is neither of floats nor
   *   of integers with parameters, and what loading throws.
   */
  static async create(
    model: string | Uint8Array,
    tensors: readonly string[],
    options: CalibratorOptions = {},
  ): Promise<Calibrator> {
    checkCalibratorOptions(options);
    const wanted = checkArray(tensors, 'tensors', MAX_TENSORS).map((name, index) =>
      checkString(name, `tensors[${index}]`),
    );
    const layered = typeof model === 'string' ? await readLayeredModel(model) : layeredModel(model);
    const layers = new Set(layered.layers.map(({ name }) => name));
    const names = [...new Set([...wanted, ...(options.moments?.keys() ?? [])])];
    const lanes = await Lanes.open(
      layered,
      names.filter((name) => layers.has(name)),
      options.session ?? {},
    );
    try {
      const { session } = lanes;
      const known = new Set([...session.inputNames, ...session.outputNames]);
      const unknown = names.find((name) => !known.has(name));
      if (unknown !== undefined) {
        const message = `tensors: the model computes no '${unknown}' in its main graph`;
        throw new OnliteError('ERR_INVALID_ARGUMENT', message);
      }
      return new Calibrator(lanes, names, options);
    } catch (error) {
      await lanes.release();
      throw error;
    }
  }

  /** Samples that have been through the model. */
  get samples(): number {
    return this.#samples;
  }

  /** Bytes of all that is kept of the values. */
  get byteLength(): number {
    return this.#observers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  get #observers(): readonly TensorObserver[] {
    return [...this.#inputs, ...this.#outputs].map(({ observer }) => observer);
  }

  /**
   * Runs the model on samples; those of further calls count with the earlier ones. What a run gave is
   * looked at while others go on, in the samples' order.
   *
   * @throws OnliteError ERR_RUN_FAILED where a tensor is NaN (the message names it), ERR_CANCELLED,
   *   ERR_SESSION_RELEASED after {@link Calibrator.release},
   *   and what a run throws. What was counted until then stays.
   */
  async collect(samples: Samples, options: CollectOptions = {}): Promise<void> {
    checkCollectOptions(options);
    const { onProgress, total, signal } = options;
    const start = performance.now();
    let done = 0;
    const running: Promise<Outputs>[] = [];
    const count = (outputs: Outputs): void => {
      this.#count(outputs);
      done++;
      if (!onProgress) return;
      const elapsedMs = performance.now() - start;
      const remainingMs = total === undefined ? undefined : (elapsedMs / done) * (total - done);
      onProgress({ done, elapsedMs, ...(remainingMs === undefined ? {} : { remainingMs }) });
    };
    try {
      let isFirst = true;
      for await (const sample of checkedSamples(samples, signal)) {
        const ended = running.length >= this.#lanes.count ? await running.shift() : undefined;
        if (ended && isFirst) await this.#lanes.decide(byteLengthOf(ended));
        if (ended) isFirst = false;
        const run = this.#run(sample, signal);
        // A failure is met when its turn comes.
        run.catch(() => undefined);
        running.push(run);
        if (ended) count(ended);
      }
      for (let next = running.shift(); next; next = running.shift()) count(await next);
    } catch (error) {
      const ended = await Promise.allSettled(running);
      for (const each of ended) if (each.status === 'fulfilled') this.#tensors.giveBack(each.value);
      throw error;
    }
  }

  /** @returns what the run gave, which {@link Calibrator.#count} is to be called with */
  async #run({ feeds }: Sample, signal: AbortSignal | undefined): Promise<Outputs> {
    if (this.#isReleased) {
      throw new OnliteError('ERR_SESSION_RELEASED', 'the calibrator has been released');
    }
    const { session } = this.#lanes;
    const { inputMetadata } = session;
    const inputs = matchValues(inputMetadata, inputMetadata, 'inputs');
    const fed = feedsFor(inputs, inputMetadata, new Map(), feeds);
    const given = Object.fromEntries(
      Object.entries(fed).map(([name, value]) => [name, copyOf(value)]),
    );
    const running =
      this.#outputs.length > 0
        ? this.#tensors.run(session, given, defined({ signal }))
        : // Without a run nothing lets the program's other work go on.
          setImmediate<Outputs>({});
    try {
      this.#observe(this.#inputs, given);
    } catch (error) {
      await running.then(
        (outputs) => this.#tensors.giveBack(outputs),
        () => undefined,
      );
      throw error;
    }
    return running;
  }

  #count(outputs: Outputs): void {
    try {
      this.#observe(this.#outputs, outputs);
      this.#samples++;
    } finally {
      this.#tensors.giveBack(outputs);
    }
  }

  #observe(watched: readonly Watched[], values: Outputs): void {
    for (const { observer, quantization } of watched) {
      const value = values[observer.name] as Tensor<ElementType> | TensorLike | null | undefined;
      if (!isTensor(value)) continue;
      observer.add(realValues(value, quantization), value.dims);
    }
  }

  /**
   * The range of each tensor that was asked for.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for a wrong method, ERR_UNSUPPORTED where a tensor has
   *   taken no finite value, or without histograms.
   */
  ranges(method: RangeMethod = { method: 'minmax' }): ReadonlyMap<string, Range> {
    checkRangeMethod(method);
    return new Map(this.#observers.map((observer) => [observer.name, observer.range(method)]));
  }

  /** Of the tensors in {@link CalibratorOptions.moments}. */
  get moments(): ReadonlyMap<string, Moments> {
    return new Map(
      this.#observers.flatMap(({ name, moments }) => (moments ? [[name, moments] as const] : [])),
    );
  }

  /** Infinite values that were left out, by tensor, where there were any. */
  get infinities(): ReadonlyMap<string, number> {
    const found = this.#observers.filter(({ infinities }) => infinities > 0);
    return new Map(found.map(({ name, infinities }) => [name, infinities]));
  }

  /** Frees the model and its tensors; what was found stays. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await this.#lanes.release();
    this.#tensors.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

import type { TensorLike } from '../../engine/run/feeds';
import { InferenceSession } from '../../engine/session/session';
import { throwIfAborted } from '../../abort';
import type { SessionOptions } from '../../engine/session/session-options';
import { OnliteError } from '../../errors';
import { openOnnxFile, writeOnnxFile } from '../../formats/onnx';
import { isTfliteFile } from '../../formats/tflite';
import type { Moments } from '../calibrate/channel-moments';
import { simplifyOnce } from '../simplify/optimize-model';
import { defined } from '../defined';
import { checkPaths } from '../guard/check-paths';
import { plainFile } from '../guard/plain-file';
import { firstFeeds } from '../guard/speedup';
import { fidelityFaults, isNearLimits, type Measuring } from '../guard/guard';
import { provenance, setProvenance } from '../guard/provenance';
import { Yardstick } from '../guard/yardstick';
import {
  COMPARED,
  measureCandidate,
  type Made,
  type MeasuredModels,
  type QuantizeCandidate,
} from './candidate';
import { tooNoisy, type OperatorDecision } from './decision';
import { quantizeDynamic } from './dynamic';
import {
  checkQuantizeOptions,
  methodsOf,
  type CheckedQuantizeOptions,
  type QuantizeMethod,
  type QuantizeOptions,
} from './quantize-options';
import { excludedNodes } from './excluded';
import { smoothNormalizations } from './smooth';
import { layersByNoise, leastPrefix } from './sensitivity';
import { normalizedMoments, type WrittenModel } from './static';
import { StaticOnnx, type StaticModel } from './static-onnx';
import type { Target } from './target';
import { TfliteQuantizer } from './tflite/tflite-quantizer';
import { writeTfliteWith } from './tflite/metadata';
import { convertToFloat16 } from './to-float16';
import { quantizeWeights } from './weight-only';
import { Workspace, type ModelUse } from './workspace';

/** What {@link quantizeModel} found. */
export interface QuantizeResult {
  readonly candidates: readonly QuantizeCandidate[];
  /** The one that was written; absent where none is worth having. */
  readonly chosen?: QuantizeCandidate;
  /** Whether it holds all limits. */
  readonly holds: boolean;
}

/** A model within the limits, or as near as it comes. */
interface LimitedModel {
  readonly model: WrittenModel;
  readonly exclude: ReadonlySet<string>;
}

type Write = (exclude: ReadonlySet<string>) => Promise<WrittenModel>;

/**
 * Has a processor without VNNI compute products of unsigned and signed integers exactly, as those
 * with VNNI do: for values, not for speed.
 *
 * @see kOrtSessionOptionsAvx2PrecisionMode of ONNX Runtime
 */
const EXACT: SessionOptions = { extra: { session: { x64quantprecision: '1' } } };

/** Makes and measures the candidates of one model. */
class Quantizer {
  /** The model after what makes it simpler. */
  readonly #float: string;
  readonly #options: CheckedQuantizeOptions;
  readonly #workspace: Workspace;
  readonly #measuring: Measuring;
  /** By the samples that calibrate. */
  readonly #calibrating: Yardstick;
  readonly #exclude: ReadonlySet<string>;
  /** What values are computed with. */
  readonly #exact: SessionOptions;
  /** Of what normalisations make, once they have been asked for. */
  #normalized?: Promise<ReadonlyMap<string, Moments>>;

  private constructor(
    { reference, input }: MeasuredModels,
    float: string,
    options: CheckedQuantizeOptions,
    workspace: Workspace,
  ) {
    const { data, heldOut = data, session, output, task, signal, target } = options;
    this.#float = float;
    this.#options = options;
    this.#workspace = workspace;
    this.#exclude = excludedNodes([input, float], options.exclude ?? []);
    this.#exact = { ...session, ...(target === 'x64' ? EXACT : {}) };
    const measured = { session: this.#exact, ...defined({ output, task, signal }) };
    const yardstick = new Yardstick(reference, heldOut, measured);
    this.#calibrating =
      heldOut === data
        ? yardstick
        : new Yardstick(reference, data, { ...measured, compared: COMPARED });
    this.#measuring = { reference, yardstick, ...defined({ session, signal }) };
  }

  /** Makes the model simpler first: what is folded need not be quantised. */
  static async create(
    models: MeasuredModels,
    options: CheckedQuantizeOptions,
    workspace: Workspace,
  ): Promise<Quantizer> {
    throwIfAborted(options.signal);
    const { io = 'float32', activations = 'int8' } = options;
    if (io !== 'float32') {
      const message = `io '${io}': a quantised ONNX model takes and gives what the float one does`;
      throw new OnliteError('ERR_UNSUPPORTED', message);
    }
    if (activations === 'int16') {
      const message =
        "activations 'int16': ONNX Runtime computes such models in float, four times slower";
      throw new OnliteError('ERR_UNSUPPORTED', message);
    }
    const float = workspace.path('float');
    options.onProgress?.({ stage: 'simplifying', done: 0 });
    const feeds = await firstFeeds(options.data(), options.signal);
    await simplifyOnce(models.input, float, {
      samples: [feeds as Readonly<Record<string, TensorLike>>],
      ...defined({ session: options.session, signal: options.signal }),
    });
    return new Quantizer(models, float, options, workspace);
  }

  async candidates(): Promise<{ made: Made; measured: QuantizeCandidate }[]> {
    const { methods, minSpeedup } = methodsOf(this.#options);
    const found: { made: Made; measured: QuantizeCandidate }[] = [];
    for (const each of methods) {
      throwIfAborted(this.#options.signal);
      const made = await this.#inFormat(await this.#make(each));
      if (!made) continue;
      const limits = { ...this.#options, minSpeedup };
      found.push({ made, measured: await measureCandidate(made, this.#measuring, limits) });
      throwIfAborted(this.#options.signal);
    }
    return found;
  }

  #make(method: Exclude<QuantizeMethod, 'auto'>): Promise<Made | undefined> {
    const { bits, blockSize, format } = this.#options;
    switch (method) {
      case 'static':
        return this.#static();
      case 'dynamic':
        return this.#dynamic();
      case 'weight-only':
        return this.#rewritten(
          'weight-only',
          (exclude) => (editor, folder) =>
            quantizeWeights(editor, {
              ...defined({ bits, blockSize, format }),
              exclude: [...exclude],
              folder,
            }),
        );
      case 'float16':
        return this.#rewritten(
          'float16',
          (exclude) => (editor, folder) =>
            convertToFloat16(editor, { exclude: [...exclude], folder }),
        );
    }
  }

  /** Has the runtime put integer operators in the place of what it fuses when it loads a model. */
  async #inFormat(made: Made | undefined): Promise<Made | undefined> {
    const isInteger = made?.method === 'static' || made?.method === 'dynamic';
    if (!isInteger || this.#options.format !== 'qoperator') return made;
    const file = this.#workspace.path('qoperator');
    const session = await InferenceSession.create(made.file, {
      ...this.#options.session,
      graphOptimizationLevel: 'extended',
      optimizedModelFilePath: file,
    });
    await session.release();
    return { ...made, file };
  }

  /** Whether a model's values hold the limits. */
  async #holds({ file }: WrittenModel): Promise<boolean> {
    throwIfAborted(this.#options.signal);
    const fidelity = await this.#measuring.yardstick.fidelity(file);
    return fidelityFaults(fidelity, this.#options).length === 0;
  }

  /** Leaves those layers float that add most noise, until the limits hold. */
  async #withinLimits(float: string, first: WrittenModel, write: Write): Promise<LimitedModel> {
    const all = { model: first, exclude: this.#exclude };
    if (await this.#holds(first)) return all;
    const { session, signal } = this.#options;
    const layers = new Set(
      first.decisions.flatMap(({ node, as }) => (as === undefined ? [] : [node])),
    );
    const models = [float, first.file] as const;
    const samples = await this.#calibrating.samples();
    const worst = await layersByNoise(models, layers, samples, defined({ session, signal }));
    let kept: LimitedModel = all;
    // With none of them in integers there is nothing to write.
    await leastPrefix(worst.slice(0, -1), async (head) => {
      const exclude = new Set([...this.#exclude, ...head]);
      const made = await write(exclude);
      const holds = await this.#holds(made);
      await this.#workspace.discard(holds ? kept.model.file : made.file);
      if (holds) {
        const decisions = tooNoisy(made.decisions, head);
        kept = { model: { ...made, decisions }, exclude };
      }
      return holds;
    });
    return kept;
  }

  async #rewritten(
    name: Exclude<QuantizeMethod, 'auto' | 'static'>,
    rewrite: (exclude: ReadonlySet<string>) => ModelUse<readonly OperatorDecision[]>,
    float = this.#float,
  ): Promise<Made | undefined> {
    this.#options.onProgress?.({ stage: 'trying', name, done: 0 });
    const write: Write = async (exclude) => {
      const { file, result } = await this.#workspace.rewrite(float, name, rewrite(exclude));
      return { file, decisions: result };
    };
    const first = await write(this.#exclude);
    if (first.decisions.every(({ as }) => as === undefined)) return undefined;
    const { model } = await this.#withinLimits(float, first, write);
    return { method: name, name, ...model };
  }

  /** From the model with smoothed normalisations too, where it has any: the one of less noise. */
  async #dynamic(): Promise<Made | undefined> {
    const { target } = this.#options;
    const rewrite =
      (exclude: ReadonlySet<string>): ModelUse<readonly OperatorDecision[]> =>
      (editor, folder) =>
        quantizeDynamic(editor, { target, exclude, folder });
    const smoothed = await this.#smoothed(this.#float);
    if (smoothed === undefined) return this.#rewritten('dynamic', rewrite);
    const noise = async (float: string): Promise<number> => {
      const { file } = await this.#workspace.rewrite(float, 'dynamic', rewrite(this.#exclude));
      const { sqnr } = await this.#calibrating.fidelity(file);
      await this.#workspace.discard(file);
      return -sqnr;
    };
    if ((await noise(this.#float)) <= (await noise(smoothed))) {
      return this.#rewritten('dynamic', rewrite);
    }
    const made = await this.#rewritten('dynamic', rewrite, smoothed);
    return made && { ...made, name: 'dynamic (smoothed)' };
  }

  /**
   * The model whose normalisations share the ranges of channels with what takes them; undefined
   * where it has no such normalisation.
   */
  async #smoothed(float: string): Promise<string | undefined> {
    const { session, signal } = this.#options;
    const samples = await this.#calibrating.samples();
    this.#normalized ??= normalizedMoments(this.#float, samples, defined({ session, signal }));
    const moments = await this.#normalized;
    if (moments.size === 0) return undefined;
    const { file } = await this.#workspace.rewrite(float, 'smoothed', (editor, folder) =>
      smoothNormalizations(editor, moments, { folder }),
    );
    return file;
  }

  async #static(): Promise<Made | undefined> {
    const maker = new StaticOnnx({
      options: this.#options,
      workspace: this.#workspace,
      yardstick: this.#calibrating,
      session: this.#exact,
      smoothed: (float) => this.#smoothed(float),
    });
    const best = await maker.best(this.#float, this.#exclude);
    if (!best) return undefined;
    const { recipe } = best;
    const first = await maker.corrected(recipe, best.model, this.#exclude);
    const holds = (model: WrittenModel): Promise<boolean> => this.#holds(model);
    const write = async (exclude: ReadonlySet<string>): Promise<WrittenModel> => {
      const plain = await maker.write(recipe, exclude);
      // One that holds the limits as it is can be corrected when it is the last.
      const fidelity = await this.#measuring.yardstick.fidelity(plain.file);
      const isWorthIt =
        fidelityFaults(fidelity, this.#options).length > 0 && isNearLimits(fidelity, this.#options);
      return isWorthIt ? maker.corrected(recipe, plain, exclude) : plain;
    };
    const { model, exclude } = await this.#withinLimits(recipe.float, first, write);
    const found = isNamed(model) ? model : await maker.corrected(recipe, model, exclude, holds);
    return { method: 'static', ...found, name: `static (${found.name})` };
  }
}

const isNamed = (model: WrittenModel): model is StaticModel => 'name' in model;

/** The key of a quantised model's metadata that says how it was made and what was measured. */
const METADATA = 'onlite.quantization';

/** Writes the chosen model with a line on how it came to be. */
async function writeResult(
  file: string,
  output: string,
  candidate: QuantizeCandidate,
  target: Target,
): Promise<void> {
  const method = candidate.name;
  if (await isTfliteFile(file)) {
    return writeTfliteWith(file, output, METADATA, provenance({ method }, candidate));
  }
  const opened = openOnnxFile(file);
  try {
    setProvenance(opened.model, METADATA, { method, target }, candidate);
    await writeOnnxFile(opened.model, output);
  } finally {
    opened.close();
  }
}

/**
 * Those that are right come first, then those that hold all limits, then the quicker ones, or the
 * smaller where speed does not matter.
 */
function better(a: QuantizeCandidate, b: QuantizeCandidate, options: QuantizeOptions): number {
  const wrong = (one: QuantizeCandidate): number => fidelityFaults(one.fidelity, options).length;
  if (wrong(a) !== wrong(b)) return wrong(a) - wrong(b);
  if (wrong(a) > 0) return b.fidelity.sqnr - a.fidelity.sqnr;
  const faults = a.refused.length - b.refused.length;
  if (faults !== 0) return faults;
  const bySize = options.minSpeedup !== undefined && options.minSpeedup <= 0;
  return bySize ? a.bytes - b.bytes : b.speedup.ratio - a.speedup.ratio;
}

/**
 * Quantises a float ONNX or TensorFlow Lite model: makes the candidates, measures each against the float model on
 * held-out samples and writes the quickest of those that hold the limits (the smallest, where
 * `minSpeedup` is 0). Nothing is written where none does, unless `force` is set.
 *
 * @param input - the path of a float model, which gzip or zstd may have compressed
 * @param output - where the result goes
 * @throws OnliteError ERR_UNSUPPORTED where nothing of the model can be quantised, and what loading
 *   and running the model throws.
 */
export function quantizeModel(
  input: string,
  output: string,
  given: QuantizeOptions,
): Promise<QuantizeResult> {
  return quantizeFile(input, output, given);
}

/** What a command, or a step after another one, needs beyond {@link quantizeModel}. */
export interface QuantizeContext {
  /** The model that the input was made of, beside which all is measured; by default the input. */
  readonly reference?: string;
  /** Is given the best candidate's file, which is there until it is done, written or not. */
  readonly look?: (file: string) => Promise<void>;
}

/** As {@link quantizeModel}. */
export async function quantizeFile(
  input: string,
  output: string,
  given: QuantizeOptions,
  { reference = input, look }: QuantizeContext = {},
): Promise<QuantizeResult> {
  const options = checkQuantizeOptions(given);
  await checkPaths(input, output);
  const workspace = await Workspace.create();
  try {
    const float = await plainFile(input, workspace);
    const models = {
      reference: reference === input ? float : await plainFile(reference, workspace),
      input: float,
    };
    const quantizer = (await isTfliteFile(float))
      ? new TfliteQuantizer(models, options, workspace)
      : await Quantizer.create(models, options, workspace);
    const found = await quantizer.candidates();
    if (found.length === 0) {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        `'${input}' has nothing to quantise: no layer with constant float32 weights`,
      );
    }
    found.sort((a, b) => better(a.measured, b.measured, options));
    const candidates = found.map(({ measured }) => measured);
    const [best] = found;
    const holds = best?.measured.refused.length === 0;
    const isWritten = holds || options.force === true;
    if (best && isWritten) {
      await writeResult(best.made.file, output, best.measured, options.target);
    }
    if (best) await look?.(best.made.file);
    return { candidates, holds, ...(best && isWritten ? { chosen: best.measured } : {}) };
  } finally {
    await workspace.remove();
  }
}

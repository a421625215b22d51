import { copyFile, rename } from 'node:fs/promises';

import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { OnliteError } from '../../errors';
import type { RangeMethod } from '../calibrate/tensor-observer';
import type { Task } from '../compare/quality';
import type { Samples } from '../compare/sample';
import {
  fidelityFaults,
  measureCandidate,
  measureFidelity,
  type Measuring,
  type QuantizeCandidate,
  type QuantizeLimits,
} from './candidate';
import type { OperatorDecision } from './decision';
import { quantizeDynamic } from './dynamic';
import { layersByNoise, leastPrefix } from './sensitivity';
import { StaticQuantizer } from './static';
import type { Target } from './target';
import { Workspace, type ModelUse } from './workspace';

/** `auto` tries those that can make a model quicker: static and dynamic. */
export type QuantizeMethod = 'auto' | 'static' | 'dynamic' | 'weight-only' | 'float16';

/** Where {@link quantizeModel} is. */
export interface QuantizeProgress {
  readonly stage: 'calibrating' | 'trying';
  /** What is tried. */
  readonly name?: string;
  /** Samples that have calibrated. */
  readonly done: number;
  readonly total?: number;
  /** Estimated milliseconds until calibration is done. */
  readonly remainingMs?: number;
}

/** How {@link quantizeModel} quantises, and what must hold of the result. */
export interface QuantizeOptions extends QuantizeLimits {
  readonly method?: QuantizeMethod;
  /** Samples whose activations say which ranges integers must cover; iterated several times. */
  readonly data: () => Samples;
  /** How many they are, where that is known. */
  readonly count?: number;
  /** Other samples, perhaps with labels, on which the result is judged. Default the same. */
  readonly heldOut?: () => Samples;
  /** How a static model's ranges are found. Default the method of least noise. */
  readonly calibration?: RangeMethod;
  readonly target: Target;
  /** Bits of a weight, with `weight-only`. Default 4. */
  readonly bits?: 4 | 8;
  /** Weights that share a scale, with `weight-only`: a power of two from 16 to 256. Default 32. */
  readonly blockSize?: number;
  /**
   * `qdq`: standard operators, which the runtime fuses when it loads the model. `qoperator`: the
   * integer operators themselves.
   */
  readonly format?: 'qdq' | 'qoperator';
  /** Nodes by name (or first output) that stay float. */
  readonly exclude?: readonly string[];
  /** Writes the best candidate though it does not hold a limit. */
  readonly force?: boolean;
  readonly session?: SessionOptions;
  /** The output that labels are for. Default the first. */
  readonly output?: string;
  readonly task?: Task;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: QuantizeProgress) => void;
}

/** What {@link quantizeModel} found. */
export interface QuantizeResult {
  readonly candidates: readonly QuantizeCandidate[];
  /** The one that was written; absent where none is worth having. */
  readonly chosen?: QuantizeCandidate;
  /** Whether it holds all limits. */
  readonly holds: boolean;
}

interface WrittenModel {
  readonly file: string;
  readonly decisions: readonly OperatorDecision[];
}

/** A model that may become the result. */
interface Made extends WrittenModel {
  readonly name: string;
}

type Write = (exclude: ReadonlySet<string>) => Promise<WrittenModel>;

/** Ranges are found by each of these, and those of least noise are kept. */
const RANGE_METHODS: readonly RangeMethod[] = [
  { method: 'minmax' },
  { method: 'percentile', percentile: 99.99 },
  { method: 'mse' },
  { method: 'entropy' },
];

/** Methods for the sake of size, not of speed. */
const SMALLER: ReadonlySet<QuantizeMethod> = new Set(['weight-only', 'float16'] as const);

/** Leaves out what is undefined: optional properties may not be. */
function given<Options extends object>(
  options: Options,
): {
  [Key in keyof Options]: Exclude<Options[Key], undefined>;
} {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as ReturnType<typeof given<Options>>;
}

/**
 * Has a processor without VNNI compute products of unsigned and signed integers exactly, as those
 * with VNNI do: for values, not for speed.
 *
 * @see kOrtSessionOptionsAvx2PrecisionMode of ONNX Runtime
 */
const EXACT: SessionOptions = { extra: { session: { x64quantprecision: '1' } } };

/** Makes and measures the candidates of one model. */
class Quantizer {
  readonly #input: string;
  readonly #options: QuantizeOptions;
  readonly #workspace: Workspace;
  readonly #measuring: Measuring;
  readonly #exclude: ReadonlySet<string>;

  constructor(input: string, options: QuantizeOptions, workspace: Workspace) {
    const { data, heldOut = data, session, output, task, signal, target } = options;
    this.#input = input;
    this.#options = options;
    this.#workspace = workspace;
    this.#exclude = new Set(options.exclude);
    const exact = target === 'x64' ? EXACT : undefined;
    this.#measuring = {
      float: input,
      heldOut,
      ...given({ session, output, task, signal, exact }),
    };
  }

  async candidates(): Promise<{ made: Made; measured: QuantizeCandidate }[]> {
    const { method = 'auto', minSpeedup = SMALLER.has(method) ? 0 : 1 } = this.#options;
    const methods = method === 'auto' ? (['static', 'dynamic'] as const) : [method];
    const found: { made: Made; measured: QuantizeCandidate }[] = [];
    for (const each of methods) {
      const made = await this.#inFormat(await this.#make(each));
      if (!made) continue;
      const limits = { ...this.#options, minSpeedup };
      found.push({ made, measured: await measureCandidate(made, this.#measuring, limits) });
    }
    return found;
  }

  #make(method: Exclude<QuantizeMethod, 'auto'>): Promise<Made | undefined> {
    const { target } = this.#options;
    switch (method) {
      case 'static':
        return this.#static();
      case 'dynamic':
        return this.#rewritten(
          'dynamic',
          (exclude) => (editor, folder) => quantizeDynamic(editor, { target, exclude, folder }),
        );
      default:
        throw new OnliteError('ERR_UNSUPPORTED', method);
    }
  }

  /** Has the runtime put integer operators in the place of what it fuses when it loads a model. */
  async #inFormat(made: Made | undefined): Promise<Made | undefined> {
    if (!made || this.#options.format !== 'qoperator') return made;
    const file = this.#workspace.path('qoperator');
    const session = await InferenceSession.create(made.file, {
      ...this.#options.session,
      graphOptimizationLevel: 'extended',
      optimizedModelFilePath: file,
    });
    await session.release();
    return { ...made, file };
  }

  /** Leaves those layers float that add most noise, until the limits hold. */
  async #withinLimits(first: WrittenModel, write: Write): Promise<WrittenModel> {
    const judge = async ({ file }: WrittenModel): Promise<boolean> => {
      const fidelity = await measureFidelity(file, this.#measuring.heldOut(), this.#measuring);
      return fidelityFaults(fidelity, this.#options).length === 0;
    };
    if (await judge(first)) return first;
    const { session, signal, data } = this.#options;
    const layers = new Set(
      first.decisions.flatMap(({ node, as }) => (as === undefined ? [] : [node])),
    );
    const models = [this.#input, first.file] as const;
    const worst = await layersByNoise(models, layers, data(), given({ session, signal }));
    let kept = first;
    // With none of them in integers there is nothing to write.
    await leastPrefix(worst.slice(0, -1), async (head) => {
      const made = await write(new Set([...this.#exclude, ...head]));
      const holds = await judge(made);
      if (holds) kept = made;
      return holds;
    });
    return kept;
  }

  async #rewritten(
    name: string,
    rewrite: (exclude: ReadonlySet<string>) => ModelUse<readonly OperatorDecision[]>,
  ): Promise<Made | undefined> {
    this.#options.onProgress?.({ stage: 'trying', name, done: 0 });
    const write: Write = async (exclude) => {
      const { file, result } = await this.#workspace.rewrite(this.#input, name, rewrite(exclude));
      return { file, decisions: result };
    };
    const first = await write(this.#exclude);
    if (first.decisions.every(({ as }) => as === undefined)) return undefined;
    return { name, ...(await this.#withinLimits(first, write)) };
  }

  async #static(): Promise<Made | undefined> {
    const { data, target, calibration, session, signal, count: total, onProgress } = this.#options;
    const quantizer = await StaticQuantizer.calibrate(this.#input, this.#workspace, data(), {
      ...(given({ session, signal, total }) as object),
      onProgress: ({ done, remainingMs }) =>
        onProgress?.({
          stage: 'calibrating',
          done,
          ...given({ total, remainingMs }),
        }),
    });
    if (!quantizer) return undefined;
    try {
      let best: { method: RangeMethod; written: WrittenModel; sqnr: number } | undefined;
      for (const method of calibration ? [calibration] : RANGE_METHODS) {
        onProgress?.({ stage: 'trying', name: `static (${method.method})`, done: 0 });
        const ranges = quantizer.ranges(method);
        const written = await quantizer.write(ranges, { target, exclude: this.#exclude });
        const { sqnr } = await measureFidelity(written.file, data(), this.#measuring);
        if (!best || sqnr > best.sqnr) best = { method, written, sqnr };
      }
      if (!best) return undefined;
      const ranges = quantizer.ranges(best.method);
      const written = await this.#withinLimits(best.written, (exclude) =>
        quantizer.write(ranges, { target, exclude }),
      );
      return { name: `static (${best.method.method})`, ...written };
    } finally {
      await quantizer.release();
    }
  }
}

/** Those that hold come first, and then the quicker ones. */
function better(a: QuantizeCandidate, b: QuantizeCandidate): number {
  const faults = a.refused.length - b.refused.length;
  return faults === 0 ? b.speedup.ratio - a.speedup.ratio : faults;
}

/**
 * Quantises a float ONNX model: makes the candidates, measures each against the float model on
 * held-out samples and writes the quickest of those that hold the limits. Nothing is written where
 * none does, unless `force` is set.
 *
 * @param input - the path of a float model
 * @param output - where the result goes
 * @throws OnliteError ERR_UNSUPPORTED where nothing of the model can be quantised, and what loading
 *   and running the model throws.
 */
export async function quantizeModel(
  input: string,
  output: string,
  options: QuantizeOptions,
): Promise<QuantizeResult> {
  const workspace = await Workspace.create();
  try {
    const found = await new Quantizer(input, options, workspace).candidates();
    if (found.length === 0) {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        `'${input}' has nothing to quantise: no layer with constant float32 weights`,
      );
    }
    found.sort((a, b) => better(a.measured, b.measured));
    const candidates = found.map(({ measured }) => measured);
    const [best] = found;
    const holds = best?.measured.refused.length === 0;
    if (!best || !(holds || options.force === true)) return { candidates, holds };
    const temporary = `${output}.${process.pid}.tmp`;
    await copyFile(best.made.file, temporary);
    await rename(temporary, output);
    return { candidates, chosen: best.measured, holds };
  } finally {
    await workspace.remove();
  }
}

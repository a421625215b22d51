import { throwIfAborted } from '../../../abort';
import { OnliteError } from '../../../errors';
import { calledSubgraphs, SubgraphEditor } from '../../../formats/tflite';
import { defined } from '../../defined';
import { fidelityFaults, isNearLimits, type Measuring } from '../../guard/guard';
import { measureSpeedup, type Speedup } from '../../guard/speedup';
import { Yardstick } from '../../guard/yardstick';
import { compareLayers } from '../../layers/compare-layers';
import {
  COMPARED,
  measureCandidate,
  type Made,
  type MeasuredModels,
  type QuantizeCandidate,
} from '../candidate';
import { tooNoisy, type OperatorDecision } from '../decision';
import { methodsOf, type CheckedQuantizeOptions, type QuantizeMethod } from '../quantize-options';
import { leastPrefix } from '../sensitivity';
import type { Workspace } from '../workspace';
import { moveConstantsIntoBranches } from './branch-constants';
import { writeDynamicRange } from './dynamic-range';
import { writeFloat16Weights } from './float16-weights';
import { excludedOperators } from './excluded';
import type { Placement } from './int8-plan';
import { openTflite, rewriteTflite } from './rewrite';
import { StaticTflite } from './static-tflite';

/** Changes a model and says what became of its operators. */
type Rewrite = (editor: SubgraphEditor) => readonly OperatorDecision[];

const isChanged = ({ decisions }: Pick<Made, 'decisions'>): boolean =>
  decisions.some(({ as }) => as !== undefined);

/** Makes and measures the candidates of one TensorFlow Lite model. */
export class TfliteQuantizer {
  readonly #input: string;
  readonly #options: CheckedQuantizeOptions;
  readonly #workspace: Workspace;
  readonly #measuring: Measuring;
  /** By the samples that calibrate. */
  readonly #calibrating: Yardstick;
  readonly #exclude: ReadonlySet<string>;

  constructor(
    { reference, input }: MeasuredModels,
    options: CheckedQuantizeOptions,
    workspace: Workspace,
  ) {
    const { data, heldOut = data, session, output, task, signal, exclude = [] } = options;
    this.#input = input;
    this.#options = options;
    this.#workspace = workspace;
    this.#exclude = new Set(exclude);
    const common = defined({ session, signal });
    const measured = { ...common, ...defined({ output, task }) };
    const yardstick = new Yardstick(reference, heldOut, measured);
    this.#calibrating =
      heldOut === data
        ? yardstick
        : new Yardstick(reference, data, { ...measured, compared: COMPARED });
    this.#measuring = { reference, yardstick, ...common };
  }

  /**
   * @throws OnliteError ERR_UNSUPPORTED for methods and formats that are ONNX's,
   *   ERR_INVALID_ARGUMENT for a name to be excluded that no operator's output has
   */
  async candidates(): Promise<{ made: Made; measured: QuantizeCandidate }[]> {
    const { methods, minSpeedup } = methodsOf(this.#options);
    if (methods.includes('weight-only') || this.#options.format === 'qoperator') {
      const what = methods.includes('weight-only') ? "method 'weight-only'" : "format 'qoperator'";
      throw new OnliteError('ERR_UNSUPPORTED', `${what}: a TensorFlow Lite model has no such form`);
    }
    excludedOperators((await openTflite(this.#input)).model, [...this.#exclude]);
    const found: { made: Made; measured: QuantizeCandidate }[] = [];
    for (const method of methods) {
      for (const made of await this.#make(method)) {
        throwIfAborted(this.#options.signal);
        const limits = { ...this.#options, minSpeedup };
        found.push({ made, measured: await measureCandidate(made, this.#measuring, limits) });
      }
    }
    return found;
  }

  async #make(method: Exclude<QuantizeMethod, 'auto'>): Promise<Made[]> {
    throwIfAborted(this.#options.signal);
    switch (method) {
      case 'static':
        return this.#static();
      case 'dynamic':
        return this.#rewritten(
          method,
          (exclude) => (editor) => writeDynamicRange(editor, { exclude }),
        );
      default:
        return this.#rewritten(
          method,
          (exclude) => (editor) => writeFloat16Weights(editor, { exclude }),
        );
    }
  }

  /** Changes what runs in control flow, too. */
  async #rewritten(
    method: QuantizeMethod,
    rewrite: (exclude: ReadonlySet<string>) => Rewrite,
  ): Promise<Made[]> {
    this.#options.onProgress?.({ stage: 'trying', name: method, done: 0 });
    const write = async (exclude: ReadonlySet<string>): Promise<Made> => {
      throwIfAborted(this.#options.signal);
      const edit = rewrite(exclude);
      const { file, result } = await rewriteTflite(
        this.#input,
        this.#workspace,
        method,
        ({ model }) => {
          moveConstantsIntoBranches(model);
          return calledSubgraphs(model).flatMap((index) => edit(new SubgraphEditor(model, index)));
        },
      );
      return { method, name: method, file, decisions: result };
    };
    const first = await write(this.#exclude);
    return isChanged(first) ? [await this.#withinLimits(this.#input, first, write)] : [];
  }

  /** Leaves those operators float that add most noise, until the limits hold. */
  async #withinLimits(
    float: string,
    first: Made,
    write: (exclude: ReadonlySet<string>) => Promise<Made>,
  ): Promise<Made> {
    const judge = async ({ file }: Made): Promise<boolean> => {
      const fidelity = await this.#measuring.yardstick.fidelity(file);
      return fidelityFaults(fidelity, this.#options).length === 0;
    };
    if (await judge(first)) return first;
    const { session, signal, data } = this.#options;
    const { layers } = await compareLayers(
      [float, first.file],
      data(),
      defined({ session, signal }),
    );
    const quantized = new Set(first.decisions.flatMap(({ node, as }) => (as ? [node] : [])));
    const worst = layers
      .filter(({ name }) => quantized.has(name))
      .sort((a, b) => b.addedNoise - a.addedNoise)
      .map(({ name }) => name);
    let kept = first;
    await leastPrefix(worst, async (head) => {
      const made = await write(new Set([...this.#exclude, ...head]));
      // Without a layer nothing is left in integers.
      if (!isChanged(made)) return true;
      const holds = await judge(made);
      await this.#workspace.discard(holds ? kept.file : made.file);
      if (holds) kept = { ...made, decisions: tooNoisy(made.decisions, head) };
      return holds;
    });
    return kept;
  }

  /**
   * With everything in int8, and with that in float which XNNPACK takes in float only. Biases of the
   * quicker one are corrected.
   */
  async #static(): Promise<Made[]> {
    const maker = new StaticTflite(this.#options, this.#workspace, this.#calibrating);
    const best = await maker.best(this.#input, this.#exclude);
    if (!best) return [];
    const { recipe, model: full } = best;
    if (!isChanged(full)) return [];
    const { yardstick } = this.#measuring;
    const finish = (first: Made, placement: Placement): Promise<Made> =>
      this.#withinLimits(recipe.float, first, async (exclude) => {
        const choice = { placement, exclude };
        const plain = await maker.write(recipe, choice);
        const isNear = isNearLimits(await yardstick.fidelity(plain.file), this.#options);
        return isNear ? maker.corrected(recipe, plain, choice) : plain;
      });
    const corrected = async (plain: Made, placement: Placement): Promise<Made> => {
      const choice = { placement, exclude: this.#exclude };
      return finish(await maker.corrected(recipe, plain, choice), placement);
    };
    // A model's ends are integers only where its first and last operators are; XNNPACK takes no int16.
    const { io = 'float32', activations } = this.#options;
    if (io !== 'float32' || activations === 'int16') return [await corrected(full, 'full')];
    const delegated = await maker.write(recipe, { placement: 'delegated', exclude: this.#exclude });
    const isOther = isChanged(delegated) && count(delegated.decisions) !== count(full.decisions);
    if (!isOther) return [await corrected(full, 'full')];
    const { ratio } = await this.#speedup(full, delegated);
    return ratio > 1
      ? [await corrected(delegated, 'delegated'), await finish(full, 'full')]
      : [await corrected(full, 'full'), await finish(delegated, 'delegated')];
  }

  async #speedup(reference: Made, candidate: Made): Promise<Speedup> {
    const { session, signal } = this.#options;
    const samples = await this.#calibrating.samples();
    return measureSpeedup([reference.file, candidate.file], samples, defined({ session, signal }));
  }
}

const count = (decisions: readonly OperatorDecision[]): number =>
  decisions.filter(({ as }) => as !== undefined).length;

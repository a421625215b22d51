import { throwIfAborted } from '../../../engine/run/abort';
import { OnliteError } from '../../../errors';
import {
  readTfliteFile,
  removeUnused,
  SubgraphEditor,
  writeTfliteFile,
} from '../../../formats/tflite';
import { Calibrator } from '../../calibrate/calibrator';
import { defined } from '../../defined';
import { fidelityFaults, measureFidelity, type Measuring } from '../../guard/guard';
import { compareLayers } from '../../layers/compare-layers';
import { measureCandidate, type Made, type QuantizeCandidate } from '../candidate';
import { tooNoisy, type OperatorDecision } from '../decision';
import type { Range } from '../parameters';
import { methodsOf, type CheckedQuantizeOptions, type QuantizeMethod } from '../quantize-options';
import { RANGE_METHODS } from '../range-methods';
import { leastPrefix } from '../sensitivity';
import type { Workspace } from '../workspace';
import { writeDynamicRange } from './dynamic-range';
import { writeFloat16Weights } from './float16-weights';
import { operatorLabel, planInt8, type Placement } from './int8-plan';
import { writeInt8 } from './write-int8';

const PLACEMENTS = ['full', 'delegated'] as const satisfies readonly Placement[];

/** Changes a model and says what became of its operators. */
type Rewrite = (editor: SubgraphEditor) => readonly OperatorDecision[];

/** How an int8 model is made. */
interface Int8Recipe {
  readonly method: string;
  readonly ranges: ReadonlyMap<string, Range>;
}

const isChanged = ({ decisions }: Pick<Made, 'decisions'>): boolean =>
  decisions.some(({ as }) => as !== undefined);

/** Tensors between operators are told by their names, which a file may have twice or not at all. */
function nameAlike({ graph }: SubgraphEditor): void {
  const ends = new Set([...graph.inputs, ...graph.outputs]);
  const taken = new Set([...ends].map((index) => graph.tensors[index]?.name));
  for (const [index, tensor] of graph.tensors.entries()) {
    if (ends.has(index)) continue;
    const { name = '' } = tensor;
    if (name === '' || taken.has(name)) tensor.name = `${name || 'tensor'}:${index}`;
    taken.add(tensor.name);
  }
}

/** Makes and measures the candidates of one TensorFlow Lite model. */
export class TfliteQuantizer {
  readonly #input: string;
  readonly #options: CheckedQuantizeOptions;
  readonly #workspace: Workspace;
  readonly #measuring: Measuring;
  readonly #exclude: ReadonlySet<string>;

  constructor(input: string, options: CheckedQuantizeOptions, workspace: Workspace) {
    const { data, heldOut = data, session, output, task, signal, exclude = [] } = options;
    this.#input = input;
    this.#options = options;
    this.#workspace = workspace;
    this.#exclude = new Set(exclude);
    this.#measuring = { reference: input, heldOut, ...defined({ session, output, task, signal }) };
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
    await this.#checkExcluded();
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

  async #checkExcluded(): Promise<void> {
    const editor = new SubgraphEditor(await readTfliteFile(this.#input));
    nameAlike(editor);
    const labels = new Set(editor.graph.operators.map((each) => operatorLabel(editor, each)));
    const missing = [...this.#exclude].find((name) => !labels.has(name));
    if (missing !== undefined) {
      const expected = "the name of an operator's first output";
      throw new OnliteError(
        'ERR_INVALID_ARGUMENT',
        `options.exclude: expected ${expected}, got '${missing}'`,
      );
    }
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

  /** Writes the model after a change, without what has no use any more. */
  async #rewrite(name: string, rewrite: Rewrite): Promise<Pick<Made, 'file' | 'decisions'>> {
    throwIfAborted(this.#options.signal);
    const model = await readTfliteFile(this.#input);
    const editor = new SubgraphEditor(model);
    nameAlike(editor);
    const decisions = rewrite(editor);
    removeUnused(model);
    const file = this.#workspace.path(name, 'tflite');
    await writeTfliteFile(model, file);
    return { file, decisions };
  }

  async #rewritten(
    method: QuantizeMethod,
    rewrite: (exclude: ReadonlySet<string>) => Rewrite,
  ): Promise<Made[]> {
    this.#options.onProgress?.({ stage: 'trying', name: method, done: 0 });
    const write = async (exclude: ReadonlySet<string>): Promise<Made> => ({
      method,
      name: method,
      ...(await this.#rewrite(method, rewrite(exclude))),
    });
    const first = await write(this.#exclude);
    return isChanged(first) ? [await this.#withinLimits(first, write)] : [];
  }

  /** Leaves those operators float that add most noise, until the limits hold. */
  async #withinLimits(
    first: Made,
    write: (exclude: ReadonlySet<string>) => Promise<Made>,
  ): Promise<Made> {
    const judge = async ({ file }: Made): Promise<boolean> => {
      const fidelity = await measureFidelity(file, this.#measuring.heldOut(), this.#measuring);
      return fidelityFaults(fidelity, this.#options).length === 0;
    };
    if (await judge(first)) return first;
    const { session, signal, data } = this.#options;
    const { layers } = await compareLayers(
      [this.#input, first.file],
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

  /** Finds the ranges of all tensors that can become int8, by every method that is asked for. */
  async #recipes(): Promise<Int8Recipe[]> {
    const { data, session, signal, count: total, onProgress, calibration } = this.#options;
    let tensors: string[] = [];
    const { file } = await this.#rewrite('named', (editor) => {
      const plan = planInt8(editor, { placement: 'full' });
      tensors = [...plan.tensors].flatMap((index) => editor.tensor(index)?.name ?? []);
      return plan.decisions;
    });
    if (tensors.length === 0) return [];
    const calibrator = await Calibrator.create(file, tensors, defined({ session }));
    try {
      await calibrator.collect(data(), {
        ...defined({ signal, total }),
        onProgress: ({ done, remainingMs }) =>
          onProgress?.({ stage: 'calibrating', done, ...defined({ total, remainingMs }) }),
      });
      return (calibration ? [calibration] : RANGE_METHODS).map((method) => ({
        method: method.method,
        ranges: calibrator.ranges(method),
      }));
    } finally {
      await calibrator.release();
    }
  }

  #writeInt8(
    { method, ranges }: Int8Recipe,
    placement: Placement,
    exclude: ReadonlySet<string>,
  ): Promise<Made> {
    const name = placement === 'full' ? `static (${method})` : `static (${method}, ${placement})`;
    this.#options.onProgress?.({ stage: 'trying', name, done: 0 });
    const rewrite: Rewrite = (editor) => {
      const plan = planInt8(editor, { placement, exclude });
      writeInt8(editor, plan, { ranges, ...defined({ io: this.#options.io }) });
      return plan.decisions;
    };
    return this.#rewrite('static', rewrite).then((made) => ({ method: 'static', name, ...made }));
  }

  /** The recipe of least noise on the samples that calibrated it. */
  async #best(recipes: readonly Int8Recipe[]): Promise<Int8Recipe | undefined> {
    let best: { recipe: Int8Recipe; sqnr: number } | undefined;
    for (const recipe of recipes) {
      const { file } = await this.#writeInt8(recipe, 'full', this.#exclude);
      const { sqnr } = await measureFidelity(file, this.#options.data(), this.#measuring);
      await this.#workspace.discard(file);
      if (!best || sqnr > best.sqnr) best = { recipe, sqnr };
    }
    return best?.recipe;
  }

  /** With everything in int8, and with that in float which XNNPACK takes in float only. */
  async #static(): Promise<Made[]> {
    const recipe = await this.#best(await this.#recipes());
    if (!recipe) return [];
    const made: Made[] = [];
    // A model's ends are int8 only where its first and last operators are.
    const placements = this.#options.io === 'int8' ? (['full'] as const) : PLACEMENTS;
    for (const placement of placements) {
      const write = (exclude: ReadonlySet<string>): Promise<Made> =>
        this.#writeInt8(recipe, placement, exclude);
      const first = await write(this.#exclude);
      if (!isChanged(first)) continue;
      const isOther = made.every(({ decisions }) => count(decisions) !== count(first.decisions));
      if (isOther) made.push(await this.#withinLimits(first, write));
    }
    return made;
  }
}

const count = (decisions: readonly OperatorDecision[]): number =>
  decisions.filter(({ as }) => as !== undefined).length;

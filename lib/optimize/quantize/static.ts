import type { SessionOptions } from '../../engine/session/session-options';
import { Calibrator, type CalibrationProgress } from '../calibrate/calibrator';
import type { Moments } from '../calibrate/channel-moments';
import type { RangeMethod } from '../calibrate/tensor-observer';
import type { Samples } from '../compare/sample';
import { decision, type OperatorDecision } from './decision';
import { momentsOf } from './matched-model';
import type { IntegerWeights } from './integer-weights';
import type { Range } from './parameters';
import { writeQdq } from './qdq';
import { normalizedValues } from './smooth';
import { planStatic, type StaticPlan } from './static-plan';
import { targetTypes, type Target } from './target';
import { inspectModel, type OpenModel, type Workspace } from './workspace';

export interface StaticOptions {
  readonly target: Target;
  /** Nodes by name (or first output) that stay float. */
  readonly exclude?: ReadonlySet<string>;
  /** What is known of the model's weights, for the target. */
  readonly weights?: IntegerWeights;
}

/** A model that was written, with what became of its operators. */
export interface WrittenModel {
  readonly file: string;
  readonly decisions: readonly OperatorDecision[];
}

export interface CalibrationOptions {
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
  readonly total?: number;
  /** What methods other than minmax need; default true. */
  readonly histograms?: boolean;
  readonly onProgress?: (progress: CalibrationProgress) => void;
}

/** A float model whose activations have been watched: quantised as often as is wanted. */
export class StaticQuantizer {
  /** The float model. */
  readonly file: string;
  readonly #calibrator: Calibrator;
  readonly #plan: StaticPlan;

  private constructor(file: string, calibrator: Calibrator, plan: StaticPlan) {
    this.file = file;
    this.#calibrator = calibrator;
    this.#plan = plan;
  }

  /** @returns undefined where nothing of the model can compute in integers this way */
  static async calibrate(
    file: string,
    samples: Samples,
    { session, histograms = true, ...options }: CalibrationOptions = {},
  ): Promise<StaticQuantizer | undefined> {
    const plan = inspectModel(file, (editor, folder) => planStatic(editor, { as: '', folder }));
    if (plan.layers.size === 0) return undefined;
    const observed = [...plan.tensors].filter((name) => !plan.rearranged.has(name));
    const created = { histograms, ...(session ? { session } : {}) };
    const calibrator = await Calibrator.create(file, observed, created);
    try {
      await calibrator.collect(samples, options);
    } finally {
      await calibrator.release();
    }
    return new StaticQuantizer(file, calibrator, plan);
  }

  ranges(method: RangeMethod): ReadonlyMap<string, Range> {
    const observed = this.#calibrator.ranges(method);
    const { tensors, rearranged, same } = this.#plan;
    const rangeOf = (name: string): Range | undefined =>
      rearranged.has(name) ? rangeOf(same.get(name) ?? '') : observed.get(name);
    return new Map(
      [...tensors].flatMap((name) => {
        const range = rangeOf(name);
        return range ? [[name, range] as const] : [];
      }),
    );
  }
}

/** Writes a float model in QDQ form, into a file of its own. */
export async function writeStatic(
  float: string | OpenModel,
  workspace: Workspace,
  ranges: ReadonlyMap<string, Range>,
  { target, exclude, weights }: StaticOptions,
): Promise<WrittenModel> {
  const { activation, weight } = targetTypes(target);
  const as = `${activation} × ${weight}`;
  const { file, result } = await workspace.rewrite(float, 'static', (editor, folder) => {
    const plan = planStatic(editor, { as, folder, ...(exclude ? { exclude } : {}) });
    const saturation = writeQdq(editor, plan, {
      ranges,
      target,
      folder,
      ...(weights ? { weights } : {}),
    });
    const found = new Map([...saturation].map(([node, each]) => [decision(node, {}).node, each]));
    return plan.decisions.map((each): OperatorDecision => {
      const own = found.get(each.node);
      return own ? { ...each, saturation: own } : each;
    });
  });
  return { file, decisions: result };
}

/** The moments of what a float model's normalisations make, by value; none where none are smoothed. */
export async function normalizedMoments(
  float: string,
  samples: Samples,
  options: CalibrationOptions,
): Promise<ReadonlyMap<string, Moments>> {
  const axes = inspectModel(float, normalizedValues);
  return axes.size === 0 ? new Map() : momentsOf(float, axes, samples, options);
}

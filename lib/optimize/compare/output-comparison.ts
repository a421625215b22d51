import type { TensorValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { isTensor, type Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import { AgreementCount, type Agreement } from '../measures/agreement';
import { DifferenceSums, type Difference } from '../measures/difference';
import { klDivergence, scoreKind, type DivergenceOptions } from '../measures/divergence';
import { INVERSE, layoutOf, rearrange, type Layout } from './layout';
import type { MatchedOutput } from './match';
import { realValues } from './real-values';

/** How far one output of a model is from the reference's, over all samples. */
export interface OutputComparison {
  /** The output's name in the reference. */
  readonly name: string;
  /** Its name in the candidate. */
  readonly candidateName: string;
  readonly difference: Difference;
  /** Of scores: an output of rank 1 or 2 with at least two classes in its last dimension. */
  readonly agreement?: Agreement;
  /**
   * Mean Kullback-Leibler divergence of the candidate's distribution from the reference's, in nats;
   * with a temperature, of an output that has an agreement.
   */
  readonly divergence?: number;
}

type Values = Float32Array | Float64Array;

/** One tensor that a run gave, by its real values. */
export interface OutputValues {
  readonly dims: readonly number[];
  readonly values: Values;
}

/** @throws OnliteError ERR_UNSUPPORTED for what is no tensor of numbers. */
export function outputValues(
  value: unknown,
  { name, quantization }: TensorValueMetadata,
): OutputValues {
  if (!isTensor(value)) {
    throw new OnliteError('ERR_UNSUPPORTED', `outputs.${name}: only tensors can be compared`);
  }
  const tensor = value as Tensor<ElementType>;
  return { dims: tensor.dims, values: realValues(tensor, quantization) };
}

/**
 * A candidate's values in the order of the reference's; undefined where the shapes do not agree.
 *
 * @param layouts - the candidate's as seen from the reference, by rank
 */
export function alignedValues(
  reference: OutputValues,
  candidate: OutputValues,
  layouts: ReadonlyMap<number, Layout>,
): Values | undefined {
  const likely = INVERSE[layouts.get(reference.dims.length) ?? 'same'];
  const layout = layoutOf(candidate.dims, reference.dims, likely);
  return layout && rearrange(candidate.values, candidate.dims, layout);
}

/** Whether an output holds classes themselves, not scores. */
export const holdsClasses = ({ type, quantization }: TensorValueMetadata): boolean =>
  quantization === undefined && /^u?int|^bool$/.test(type);

/** Rows of scores, one for each thing that was classified; undefined for other outputs. */
function rowsOf({ dims, values }: OutputValues): Values[] | undefined {
  const width = dims.at(-1) ?? 0;
  if (dims.length > 2 || width < 2) return undefined;
  const count = values.length / width;
  return Array.from({ length: count }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

/** Sums of one pair of outputs. */
export class OutputSums {
  readonly #pair: MatchedOutput;
  readonly #layouts: ReadonlyMap<number, Layout>;
  readonly #temperature: number | undefined;
  readonly #difference = new DifferenceSums();
  #agreement: AgreementCount | undefined;
  #divergence = 0;
  #kinds: Pick<DivergenceOptions, 'teacher' | 'student'> | undefined;

  /** @param layouts - the candidate's as seen from the reference, by rank */
  constructor(
    pair: MatchedOutput,
    layouts: ReadonlyMap<number, Layout>,
    temperature: number | undefined,
  ) {
    this.#pair = pair;
    this.#layouts = layouts;
    this.#temperature = temperature;
  }

  /** @throws OnliteError ERR_SHAPE_MISMATCH */
  add(reference: OutputValues, candidate: OutputValues): void {
    const values = alignedValues(reference, candidate, this.#layouts);
    if (!values) throw this.#otherShape(reference.dims, candidate.dims);
    this.#difference.add(reference.values, values);
    if (holdsClasses(this.#pair.reference)) return;
    const rows = rowsOf(reference);
    const others = rowsOf({ dims: reference.dims, values });
    rows?.forEach((row, index) => this.#addRow(row, others?.[index] ?? row));
  }

  #addRow(reference: Values, candidate: Values): void {
    this.#agreement ??= new AgreementCount();
    this.#agreement.add(reference, candidate);
    if (this.#temperature === undefined) return;
    this.#kinds ??= { teacher: scoreKind(reference), student: scoreKind(candidate) };
    const options = { temperature: this.#temperature, ...this.#kinds };
    this.#divergence += klDivergence(reference, candidate, options);
  }

  get result(): OutputComparison {
    const agreement = this.#agreement?.result;
    return {
      name: this.#pair.reference.name,
      candidateName: this.#pair.candidate.name,
      difference: this.#difference.result,
      ...(agreement ? { agreement } : {}),
      ...(agreement && this.#temperature !== undefined
        ? { divergence: this.#divergence / agreement.rows }
        : {}),
    };
  }

  #otherShape(reference: readonly number[], candidate: readonly number[]): OnliteError {
    const { reference: one, candidate: other } = this.#pair;
    return new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `outputs: '${one.name}' is [${reference.join(',')}], '${other.name}' is [${candidate.join(',')}]`,
    );
  }
}

import { isTensor, type Tensor } from '../engine/tensor/tensor';
import type { ElementType } from '../engine/tensor/element-type';
import type { TensorValueMetadata, ValueMetadata } from '../engine/session/metadata';
import { isNumeric } from '../engine/tensor/numbers';
import { OnliteError } from '../errors';
import { Contender, type Ends, type Runnable } from '../optimize/compare/contender';
import { OutputSums, outputValues } from '../optimize/compare/output-comparison';
import type { MatchedValues } from '../optimize/compare/match';
import type { Feeds } from './samples';

/** What is compared: outputs by name. */
export type Outputs = Readonly<Record<string, unknown>>;

/** How far one output of the converted model is from the original's, over all samples. */
export interface OutputCheck {
  /** Of several; '' where the model has one. */
  readonly signature: string;
  /** In the source. */
  readonly name: string;
  /** In the converted model. */
  readonly convertedName: string;
  /** Of real numbers: greatest and mean absolute difference. */
  readonly maxError?: number;
  readonly meanError?: number;
  /** The greatest error that is allowed. */
  readonly limit?: number;
  /**
   * Of whole numbers and texts, the share of elements that are the same; of scores, that of rows with
   * the same class first.
   */
  readonly agreement?: number;
  /**
   * Where not all of the original's real numbers are finite, the share that is; 0 shows nothing of the
   * conversion, and does not hold.
   */
  readonly finite?: number;
  readonly holds: boolean;
}

/** What the check of a conversion found. */
export interface ConversionCheck {
  readonly samples: number;
  readonly outputs: readonly OutputCheck[];
  /** Outputs that could not be compared, such as sequences. */
  readonly notCompared: readonly string[];
  /** Every output is within its limit, there is one, and none of the source's is missing. */
  readonly holds: boolean;
}

/** What must hold. */
export interface CheckLimits {
  /** Greatest absolute error; default {@link TOLERANCE} of the output's greatest value. */
  readonly maxError?: number | undefined;
  readonly float16: boolean;
}

/** Of an output's greatest absolute value: kernels of frameworks add in other orders. */
const TOLERANCE = 1e-3;
/** Weights of float16 have 11 bits. */
const TOLERANCE_FLOAT16 = 2e-2;
/** What is nothing of any output. */
const FLOOR = 1e-6;
/** Share of whole numbers and texts that have to be the same. */
const LEAST_AGREEMENT = 0.99;

/** What an output's elements have come to. */
class OutputRecord {
  readonly #pair: MatchedValues;
  readonly #sums: OutputSums | undefined;
  #greatest = 0;
  #elements = 0;
  #finite = 0;
  #same = 0;

  constructor(pair: MatchedValues, contender: Contender) {
    this.#pair = pair;
    const { reference, candidate } = pair;
    const isReal = [reference, candidate].every(
      (each) => each.isTensor && isNumeric(each.type) && each.type.includes('float'),
    );
    if (!isReal || !reference.isTensor || !candidate.isTensor) return;
    this.#sums = new OutputSums({ reference, candidate }, contender.layouts, undefined);
  }

  get count(): number {
    return this.#elements;
  }

  /** @throws OnliteError ERR_SHAPE_MISMATCH */
  add(expected: Tensor<ElementType>, actual: Tensor<ElementType>): void {
    const { reference, candidate } = this.#pair;
    this.#elements += actual.size;
    if (this.#sums) {
      const one = outputValues(expected, reference as TensorValueMetadata);
      for (const value of one.values) {
        if (!Number.isFinite(value)) continue;
        this.#greatest = Math.max(this.#greatest, Math.abs(value));
        this.#finite++;
      }
      this.#sums.add(one, outputValues(actual, candidate as TensorValueMetadata));
      return;
    }
    if (expected.size !== actual.size) {
      const dims = `[${expected.dims.join(',')}] and [${actual.dims.join(',')}]`;
      throw new OnliteError('ERR_SHAPE_MISMATCH', `outputs.${reference.name}: ${dims}`);
    }
    const others = expected.data as ArrayLike<unknown>;
    Array.from(actual.data as ArrayLike<unknown>, (value, index) => {
      if (String(value) === String(others[index])) this.#same++;
    });
  }

  check(signature: string, { maxError: most, float16 }: CheckLimits): OutputCheck {
    const { reference, candidate } = this.#pair;
    const names = { signature, name: reference.name, convertedName: candidate.name };
    if (!this.#sums) {
      const agreement = this.#elements === 0 ? NaN : this.#same / this.#elements;
      return { ...names, agreement, holds: agreement >= LEAST_AGREEMENT };
    }
    const { difference, agreement } = this.#sums.result;
    const { maxError, meanError } = difference;
    const limit = most ?? (float16 ? TOLERANCE_FLOAT16 : TOLERANCE) * this.#greatest + FLOOR;
    return {
      ...names,
      maxError,
      meanError,
      limit,
      ...(agreement ? { agreement: agreement.top1 } : {}),
      ...(this.#finite < this.#elements ? { finite: this.#finite / this.#elements } : {}),
      holds: maxError <= limit && this.#finite > 0,
    };
  }
}

/** The two sides of a check. */
export interface Sides {
  readonly signature: string;
  readonly source: Ends;
  /** What the original gave, sample by sample; an output that it cannot give is missing. */
  readonly expected: readonly Outputs[];
  readonly converted: Runnable;
}

/**
 * Runs the converted model on the samples, which are in the source's terms, and compares what it gives
 * with what the original gave.
 *
 * @throws OnliteError ERR_SHAPE_MISMATCH where inputs or outputs do not match, and what a run throws
 */
export async function checkConversion(
  { signature, source, expected, converted }: Sides,
  samples: readonly Feeds[],
  limits: CheckLimits,
  signal?: AbortSignal,
): Promise<ConversionCheck> {
  const contender = new Contender(converted, source);
  const { pairs, referenceOnly, candidateOnly } = contender.outputs;
  const records = new Map(pairs.map((pair) => [pair, new OutputRecord(pair, contender)]));
  for (const [index, feeds] of samples.entries()) {
    const found = await converted.run(contender.feeds(feeds), signal ? { signal } : {});
    for (const [{ reference, candidate }, record] of records) {
      const [one, other] = [expected[index]?.[reference.name], found[candidate.name]];
      if (isTensor(one) && isTensor(other)) {
        record.add(one, other);
      }
    }
  }
  const compared = [...records.values()].filter(({ count }) => count > 0);
  const outputs = compared.map((record) => record.check(signature, limits));
  const isCompared = new Set(outputs.map(({ name }) => name));
  const all: readonly ValueMetadata[] = [
    ...pairs.map(({ reference }) => reference),
    ...referenceOnly,
    ...candidateOnly,
  ];
  return {
    samples: samples.length,
    outputs,
    notCompared: all.map(({ name }) => name).filter((name) => !isCompared.has(name)),
    // An output that the conversion has lost is not what was asked for.
    holds: outputs.length > 0 && referenceOnly.length === 0 && outputs.every(({ holds }) => holds),
  };
}

/** Several checks as one. */
export function joinChecks(checks: readonly ConversionCheck[]): ConversionCheck {
  return {
    samples: checks.reduce((sum, { samples }) => sum + samples, 0),
    outputs: checks.flatMap(({ outputs }) => outputs),
    notCompared: checks.flatMap(({ notCompared }) => notCompared),
    holds: checks.every(({ holds }) => holds),
  };
}

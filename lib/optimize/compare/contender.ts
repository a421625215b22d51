import type { TensorLike } from '../../engine/run/feeds';
import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import type { InferenceSession } from '../../engine/session/session';
import { isNumeric } from '../../engine/tensor/numbers';
import { feedsFor } from './feeds';
import type { Layout } from './layout';
import { likelyLayouts, matchValues, type MatchedOutput, type Matching } from './match';
import { outputValues, type OutputValues } from './output-comparison';
import type { Sample } from './sample';

const numeric = (value: ValueMetadata): value is TensorValueMetadata =>
  value.isTensor && isNumeric(value.type);

/** What a model takes and gives. */
export type Ends = Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>;

/** A model that is compared: a session, or what stands for one. */
export interface Runnable extends Ends {
  run(
    feeds: Record<string, TensorLike>,
    options: { readonly signal?: AbortSignal },
  ): Promise<Readonly<Record<string, unknown>>>;
}

/** One of the models that are compared, spoken to in the terms of the first one. */
export class Contender {
  readonly outputs: Matching;
  /** The outputs whose numbers can be compared, in the reference's order. */
  readonly compared: readonly MatchedOutput[];
  /** This model's layouts as seen from the reference, by rank. */
  readonly layouts: ReadonlyMap<number, Layout>;
  readonly #session: Runnable;
  readonly #inputs: Matching;
  readonly #reference: Ends;

  /** @throws OnliteError ERR_SHAPE_MISMATCH where inputs or outputs do not match the reference's. */
  constructor(session: Runnable, reference: Ends) {
    this.#session = session;
    this.#reference = reference;
    this.#inputs = matchValues(reference.inputMetadata, session.inputMetadata, 'inputs');
    this.outputs = matchValues(reference.outputMetadata, session.outputMetadata, 'outputs');
    this.layouts = likelyLayouts([...this.#inputs.pairs, ...this.outputs.pairs]);
    this.compared = reference.outputMetadata.flatMap((output): MatchedOutput[] => {
      const pair = this.outputs.pairs.find(({ reference: { name } }) => name === output.name);
      if (!pair || !numeric(pair.reference) || !numeric(pair.candidate)) return [];
      return [{ reference: pair.reference, candidate: pair.candidate }];
    });
  }

  /** A sample, which is in the reference's terms, as this model takes it. */
  feeds(sample: Sample['feeds']): Record<string, TensorLike> {
    return feedsFor(this.#inputs, this.#reference.inputMetadata, this.layouts, sample);
  }

  /** Real values of the compared outputs, by the reference's names. */
  async run(
    sample: Sample['feeds'],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, OutputValues>> {
    const results = await this.#session.run(this.feeds(sample), signal ? { signal } : {});
    return new Map(
      this.compared.map(({ reference, candidate }) => [
        reference.name,
        outputValues(results[candidate.name], candidate),
      ]),
    );
  }
}

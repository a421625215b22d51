import { types } from 'node:util';

import type { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import type { TensorLike } from '../../engine/run/feeds';
import { compareContenders, type ModelComparison } from '../compare/compare-models';
import { Contender, type Ends } from '../compare/contender';
import type { OutputValues } from '../compare/output-comparison';
import type { Task } from '../compare/quality';
import { checkedSamples, type Sample, type Samples } from '../compare/sample';
import { defined } from '../defined';
import { fidelityOf, type Fidelity } from './fidelity';
import { withSession } from './with-session';

const ROOM = 64 * 2 ** 20;

export interface YardstickOptions {
  readonly session?: SessionOptions;
  /** The output that labels are for. */
  readonly output?: string;
  readonly task?: Task;
  /** Outputs that are not the same from run to run, and say nothing. */
  readonly random?: readonly string[];
  readonly signal?: AbortSignal;
  /** So many bytes of samples, and of what the reference makes of them, are kept; 64 MiB by default. */
  readonly room?: number;
}

type Values = ReadonlyMap<string, OutputValues>;

/** A sample with what the reference made of it; copies, for a program may use its memory again. */
interface Measured {
  readonly sample: Sample;
  readonly values: Values;
  readonly bytes: number;
}

/** @returns undefined where a feed is no array of numbers in memory */
function measured({ feeds, labels }: Sample, found: Values): Measured | undefined {
  let bytes = 0;
  const copy = <View extends NodeJS.TypedArray>(view: View): View => {
    bytes += view.byteLength;
    return view.slice() as View;
  };
  const copies: [string, TensorLike][] = [];
  for (const [name, feed] of Object.entries(feeds)) {
    if (feed === null || feed === undefined) continue;
    const { type, data, dims } = feed;
    if (!types.isTypedArray(data)) return undefined;
    copies.push([name, { type, data: copy(data), dims }]);
  }
  const values = Array.from(found, ([name, each]) => {
    return [name, { dims: each.dims, values: copy(each.values) }] as const;
  });
  const sample = { feeds: Object.fromEntries(copies), ...(labels ? { labels } : {}) };
  return { sample, values: new Map(values), bytes };
}

/** A reference that is not there any more: it gives for a sample what it gave before. */
class Recording extends Contender {
  readonly samples: readonly Sample[];
  readonly ends: Ends;
  readonly #known: ReadonlyMap<Sample['feeds'], Values>;

  constructor({ inputMetadata, outputMetadata }: Ends, runs: readonly Measured[]) {
    const run = (): Promise<never> => Promise.reject(new RangeError('the sample is not known'));
    const model = { inputMetadata, outputMetadata, run };
    super(model, model);
    this.ends = model;
    this.samples = runs.map(({ sample }) => sample);
    this.#known = new Map(runs.map(({ sample, values }) => [sample.feeds, values]));
  }

  override run(sample: Sample['feeds'], signal: AbortSignal | undefined): Promise<Values> {
    const known = this.#known.get(sample);
    return known ? Promise.resolve(known) : super.run(sample, signal);
  }
}

/**
 * Compares models with one reference on the same samples. The reference runs once where there is room
 * for what it gives, and is not loaded while another model is.
 */
export class Yardstick {
  readonly #file: string;
  readonly #samples: () => Samples;
  readonly #options: YardstickOptions;
  #recording: Promise<Recording | undefined> | undefined;

  constructor(reference: string, samples: () => Samples, options: YardstickOptions = {}) {
    this.#file = reference;
    this.#samples = samples;
    this.#options = options;
  }

  /** The samples, which need not be made again where they were kept. */
  async samples(): Promise<Samples> {
    return (await this.#recorded())?.samples ?? this.#samples();
  }

  /**
   * How near a model comes to the reference.
   *
   * @throws OnliteError as `compareModels`; ERR_UNSUPPORTED where all outputs are random.
   */
  async fidelity(file: string): Promise<Fidelity> {
    return fidelityOf(await this.#compare(file), this.#options.random ?? []);
  }

  async #compare(file: string): Promise<ModelComparison> {
    const known = await this.#recorded();
    const { session, output, task, signal } = this.#options;
    const compare = (
      reference: Contender,
      candidate: Contender,
      samples: Samples,
    ): Promise<ModelComparison> =>
      compareContenders(reference, [candidate], samples, defined({ output, task, signal }));
    if (known) {
      return withSession(file, session, (candidate) =>
        compare(known, new Contender(candidate, known.ends), known.samples),
      );
    }
    return withSession(this.#file, session, (reference) =>
      withSession(file, session, (candidate) => {
        const contender = (model: InferenceSession): Contender => new Contender(model, reference);
        return compare(contender(reference), contender(candidate), this.#samples());
      }),
    );
  }

  #recorded(): Promise<Recording | undefined> {
    return (this.#recording ??= this.#record());
  }

  /** @returns undefined where there is not the room */
  #record(): Promise<Recording | undefined> {
    const { session, signal } = this.#options;
    return withSession(this.#file, session, async (reference) => {
      const contender = new Contender(reference, reference);
      const runs: Measured[] = [];
      let { room = ROOM } = this.#options;
      for await (const sample of checkedSamples(this.#samples(), signal)) {
        const run = measured(sample, await contender.run(sample.feeds, signal));
        room -= run?.bytes ?? Infinity;
        if (!run || room < 0) return undefined;
        runs.push(run);
      }
      return new Recording(reference, runs);
    });
  }
}

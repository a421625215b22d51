import { types } from 'node:util';

import type { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import type { TensorLike } from '../../engine/run/feeds';
import { compareContenders, type ModelComparison } from '../compare/compare-models';
import { Contender, type Ends } from '../compare/contender';
import type { OutputValues } from '../compare/output-comparison';
import type { Task } from '../compare/quality';
import { checkedSamples, spreadOver, type Sample, type Samples } from '../compare/sample';
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
  /** Of samples that are kept at most so many are compared, from all over them; all by default. */
  readonly compared?: number;
}

type Values = ReadonlyMap<string, OutputValues>;

/** What arrays are copied by: a program may use its memory again. */
class Copies {
  bytes = 0;

  of<View extends NodeJS.TypedArray>(view: View): View {
    this.bytes += view.byteLength;
    return view.slice() as View;
  }

  /** @returns undefined where a feed is no array of numbers in memory */
  ofSample({ feeds, labels }: Sample): Sample | undefined {
    const copies: [string, TensorLike][] = [];
    for (const [name, feed] of Object.entries(feeds)) {
      if (feed === null || feed === undefined) continue;
      const { type, data, dims } = feed;
      if (!types.isTypedArray(data)) return undefined;
      copies.push([name, { type, data: this.of(data), dims }]);
    }
    return { feeds: Object.fromEntries(copies), ...(labels ? { labels } : {}) };
  }

  ofValues(found: Values): Values {
    return new Map(
      Array.from(found, ([name, { dims, values }]) => [name, { dims, values: this.of(values) }]),
    );
  }
}

/** A reference that is not there any more: it gives for a sample what it gave before. */
class Recording extends Contender {
  readonly samples: readonly Sample[];
  /** Those of them that the reference has run. */
  readonly ran: readonly Sample[];
  readonly ends: Ends;
  readonly #known: ReadonlyMap<Sample['feeds'], Values>;

  constructor(
    { inputMetadata, outputMetadata }: Ends,
    samples: readonly Sample[],
    runs: ReadonlyMap<Sample, Values>,
  ) {
    const run = (): Promise<never> => Promise.reject(new RangeError('the sample is not known'));
    const model = { inputMetadata, outputMetadata, run };
    super(model, model);
    this.ends = model;
    this.samples = samples;
    this.ran = [...runs.keys()];
    this.#known = new Map(Array.from(runs, ([{ feeds }, values]) => [feeds, values]));
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
  readonly #found = new Map<string, Promise<Fidelity>>();
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
   * How near a model comes to the reference; a file that it was asked of before has not changed.
   *
   * @throws OnliteError as `compareModels`; ERR_UNSUPPORTED where all outputs are random.
   */
  fidelity(file: string): Promise<Fidelity> {
    const known = this.#found.get(file);
    if (known) return known;
    const found = this.#compare(file).then((all) => fidelityOf(all, this.#options.random ?? []));
    this.#found.set(file, found);
    return found;
  }

  async #compare(file: string): Promise<ModelComparison> {
    const recording = await this.#recorded();
    const { session, output, task, signal } = this.#options;
    const compare = (
      reference: Contender,
      candidate: Contender,
      samples: Samples,
    ): Promise<ModelComparison> =>
      compareContenders(reference, [candidate], samples, defined({ output, task, signal }));
    if (recording) {
      return withSession(file, session, (candidate) =>
        compare(recording, new Contender(candidate, recording.ends), recording.ran),
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
  async #record(): Promise<Recording | undefined> {
    const { session, signal, room = ROOM, compared = Infinity } = this.#options;
    const copies = new Copies();
    const samples: Sample[] = [];
    for await (const given of checkedSamples(this.#samples(), signal)) {
      const sample = copies.ofSample(given);
      if (!sample || copies.bytes > room) return undefined;
      samples.push(sample);
    }
    return withSession(this.#file, session, async (reference) => {
      const contender = new Contender(reference, reference);
      const runs = new Map<Sample, Values>();
      for (const sample of spreadOver(samples, compared)) {
        runs.set(sample, copies.ofValues(await contender.run(sample.feeds, signal)));
        if (copies.bytes > room) return undefined;
      }
      return new Recording(reference, samples, runs);
    });
  }
}

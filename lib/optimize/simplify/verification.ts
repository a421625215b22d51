import type { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import type { ElementType } from '../../engine/tensor/element-type';
import { numberReader } from '../../engine/tensor/numbers';
import { isTensor, type Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import type { ModelProto } from '../../formats/onnx';
import { withSession } from './runtime-model';
import { candidateSamples, type Feeds } from './samples';

/** How a simplified model was compared with what it was made of. */
export interface Verification {
  /** What both were run on. */
  readonly samples: number;
  /** Greatest absolute difference of any output's element. */
  readonly maxError: number;
  /** The same by the greatest absolute value of the output. */
  readonly maxRelativeError: number;
  /** Outputs that are not the same from run to run, and were not compared. */
  readonly random: readonly string[];
}

/** What is called the same: rounding in another order may make so much of the greatest value. */
const TOLERANCES: Readonly<Partial<Record<ElementType, number>>> = {
  float64: 1e-9,
  float32: 1e-4,
  float16: 2e-2,
  bfloat16: 1e-1,
};

const WANTED_SAMPLES = 4;

interface Distance {
  error: number;
  relative: number;
  /** Whether all is the same but for rounding. */
  equal: boolean;
}

const SAME: Distance = { error: 0, relative: 0, equal: true };
const OTHER: Distance = { error: Infinity, relative: Infinity, equal: false };

const join = (one: Distance, other: Distance): Distance => ({
  error: Math.max(one.error, other.error),
  relative: Math.max(one.relative, other.relative),
  equal: one.equal && other.equal,
});

function tensorDistance(one: Tensor<ElementType>, other: Tensor<ElementType>): Distance {
  if (one.type !== other.type || one.dims.join() !== other.dims.join()) return OTHER;
  const [read, readOther] = [numberReader(one), numberReader(other)];
  if (!read || !readOther) {
    const [data, otherData] = [one.data, other.data] as ArrayLike<unknown>[];
    const isEqual = Array.from(data ?? []).every((item, index) => item === otherData?.[index]);
    return isEqual ? SAME : OTHER;
  }
  let [error, greatest] = [0, 0];
  for (let index = 0; index < one.size; index++) {
    const [a, b] = [read(index), readOther(index)];
    if (Object.is(a, b) || a === b)
      greatest = Math.max(greatest, Number.isFinite(a) ? Math.abs(a) : 0);
    else {
      const difference = Math.abs(a - b);
      if (!Number.isFinite(difference)) return OTHER;
      error = Math.max(error, difference);
      greatest = Math.max(greatest, Math.abs(a));
    }
  }
  const relative = error === 0 ? 0 : error / greatest;
  return { error, relative, equal: relative <= (TOLERANCES[one.type] ?? 0) };
}

/** How far a run's result is from another: tensors, and sequences and maps of such. */
function distance(one: unknown, other: unknown): Distance {
  if (isTensor(one) && isTensor(other)) {
    return tensorDistance(one, other);
  }
  if (one instanceof Map && other instanceof Map)
    return distance([...one].flat(), [...other].flat());
  if (Array.isArray(one) && Array.isArray(other)) {
    if (one.length !== other.length) return OTHER;
    return one.reduce<Distance>(
      (sum, item, index) => join(sum, distance(item, other[index])),
      SAME,
    );
  }
  if (typeof one === 'number' && typeof other === 'number') {
    const relative = Object.is(one, other) ? 0 : Math.abs(one - other) / Math.abs(one);
    return { error: Math.abs(one - other), relative, equal: relative <= 1e-4 };
  }
  return one === other ? SAME : OTHER;
}

type Outputs = Awaited<ReturnType<InferenceSession['run']>>;

interface Run {
  readonly feeds: Feeds;
  readonly outputs: Outputs;
}

/** What a session gives for random samples, as many of those that it takes as are wanted. */
async function runsOnRandom(session: InferenceSession): Promise<Run[]> {
  const runs: Run[] = [];
  let failed: unknown;
  for (const feeds of candidateSamples(session.inputMetadata)) {
    if (runs.length === WANTED_SAMPLES) break;
    try {
      runs.push({ feeds, outputs: await session.run(feeds) });
    } catch (error) {
      failed ??= error;
    }
  }
  if (runs.length > 0) return runs;
  const message = 'samples: the model takes no random ones; give some that it takes';
  throw new OnliteError('ERR_UNSUPPORTED', message, { cause: failed });
}

async function runsOn(session: InferenceSession, samples: readonly Feeds[]): Promise<Run[]> {
  const runs: Run[] = [];
  for (const feeds of samples) runs.push({ feeds, outputs: await session.run(feeds) });
  return runs;
}

/** The outputs that are others when a model is run again. */
async function randomOutputs(
  session: InferenceSession,
  runs: readonly Run[],
): Promise<Set<string>> {
  const random = new Set<string>();
  for (const { feeds, outputs } of runs) {
    const again = await session.run(feeds);
    for (const [name, value] of Object.entries(outputs)) {
      if (distance(value, again[name]).error !== 0) random.add(name);
    }
  }
  return random;
}

/** What a model gives for some samples, which others are held against. */
export class Reference {
  readonly #runs: readonly Run[];
  readonly #random: ReadonlySet<string>;
  readonly #session: SessionOptions;

  private constructor(runs: readonly Run[], random: ReadonlySet<string>, options: SessionOptions) {
    this.#runs = runs;
    this.#random = random;
    this.#session = options;
  }

  /**
   * Runs a model on samples, or on random ones of the sizes that it takes.
   *
   * @throws OnliteError ERR_UNSUPPORTED where it takes none of the random ones; what loading and
   *   running it on others ends with.
   */
  static of(
    model: ModelProto,
    samples: readonly Feeds[] | undefined,
    options: SessionOptions,
  ): Promise<Reference> {
    return withSession(model, options, async (session) => {
      const runs = await (samples ? runsOn(session, samples) : runsOnRandom(session));
      return new Reference(runs, await randomOutputs(session, runs), options);
    });
  }

  get samples(): readonly Feeds[] {
    return this.#runs.map(({ feeds }) => feeds);
  }

  /**
   * Compares what a model gives for the same samples.
   *
   * @throws OnliteError ERR_RUN_FAILED where it gives something else.
   */
  verify(model: ModelProto): Promise<Verification> {
    return withSession(model, this.#session, async (session) => {
      let total = SAME;
      for (const { feeds, outputs } of this.#runs) {
        const others = await session.run(feeds);
        for (const [name, value] of Object.entries(outputs)) {
          if (this.#random.has(name)) continue;
          const found = distance(value, others[name]);
          if (!found.equal) throw differs(name, found);
          total = join(total, found);
        }
      }
      const { error: maxError, relative: maxRelativeError } = total;
      return {
        samples: this.#runs.length,
        maxError,
        maxRelativeError,
        random: [...this.#random],
      };
    });
  }
}

const differs = (name: string, { error }: Distance): OnliteError =>
  new OnliteError('ERR_RUN_FAILED', `outputs.${name}: the simplified model is ${error} apart`);

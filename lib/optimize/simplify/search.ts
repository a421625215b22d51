import { throwIfAborted } from '../../abort';
import type { SessionOptions } from '../../engine/session/session-options';
import type { ModelProto } from '../../formats/onnx';
import { isSimpler, measureModel, type ModelSize } from './measure';
import { runtimeOptimized, type OptimizeLevel } from './runtime-level';
import { reason } from './reason';
import { simplify } from './simplify';
import type { Reference } from './verification';

/** A model that may take the original's place. */
export interface Candidate {
  readonly model: ModelProto;
  readonly size: ModelSize;
  /** How often each pass was applied on the way to it. */
  readonly passes: Readonly<Record<string, number>>;
}

export const candidate = (
  model: ModelProto,
  passes: Readonly<Record<string, number>> = {},
): Candidate => ({ model, size: measureModel(model), passes });

const RUNTIME_PASS = "ONNX Runtime's optimisations";
/** Larger models would take minutes: each try writes the model, for the runtime to map its weights. */
const MAX_RUNTIME_BYTES = 2 ** 30;
/** Bytes by which folding one node may make a model larger; what is won elsewhere may pay for it. */
const GROWTHS = [1024, 0];

function sum(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const total = { ...one };
  for (const [name, count] of Object.entries(other)) total[name] = (total[name] ?? 0) + count;
  return total;
}

/** Looks for the simplest model that gives what the original gives. */
export class Search {
  /** What could not be done, and why. */
  readonly leftOut = new Set<string>();
  readonly #reference: Reference;
  readonly #session: SessionOptions;
  readonly #maxBytes: number;

  /**
   * @param session - what its sessions need; its signal ends the search
   * @param maxBytes - of a model; larger ones are not considered
   */
  constructor(reference: Reference, session: SessionOptions, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#reference = reference;
    this.#session = session;
  }

  /** Goes on until nothing makes the model simpler: doing it again changes nothing. */
  async simplest(start: Candidate, level: OptimizeLevel): Promise<Candidate> {
    let best = start;
    for (;;) {
      const found = await this.#simpler(best, level);
      if (!found) return best;
      best = found;
    }
  }

  /** A simpler model, by one step without looking for the best; the one that was given if there is none. */
  async simpler(start: Candidate, level: OptimizeLevel): Promise<Candidate> {
    for (const growth of GROWTHS) {
      const found = await this.#best(start, await this.#candidates(start, level, growth));
      if (found) return found;
    }
    return start;
  }

  /** The simplest model that can be made of one in a step, if it is simpler and gives the same. */
  async #simpler(from: Candidate, level: OptimizeLevel): Promise<Candidate | undefined> {
    const candidates: Candidate[] = [];
    for (const growth of GROWTHS) candidates.push(...(await this.#candidates(from, level, growth)));
    return this.#best(from, candidates);
  }

  /** The first of those that are simpler that gives the same. */
  async #best(from: Candidate, candidates: readonly Candidate[]): Promise<Candidate | undefined> {
    const simpler = candidates
      .filter(({ size }) => size.bytes <= this.#maxBytes && isSimpler(size, from.size))
      .sort((one, other) => (isSimpler(one.size, other.size) ? -1 : 1));
    for (const found of simpler) if (await this.#isSame(found)) return found;
    return undefined;
  }

  /** The passes here, ONNX Runtime's, and both in either order. */
  async #candidates(from: Candidate, level: OptimizeLevel, growth: number): Promise<Candidate[]> {
    const own = await this.#simplified(from, growth);
    const runtime = await this.#byRuntime(from, level, growth);
    const ownFirst = own && (await this.#byRuntime(own, level, growth));
    const runtimeFirst = runtime && (await this.#simplified(runtime, growth));
    return [own, runtime, ownFirst, runtimeFirst].filter((found) => found !== undefined);
  }

  async #isSame({ model, size }: Candidate): Promise<boolean> {
    try {
      await this.#reference.verify(model);
      return true;
    } catch (error) {
      this.#leaveOut(`a model of ${size.nodes} nodes: `, error);
      return false;
    }
  }

  async #simplified({ model, passes }: Candidate, growth: number): Promise<Candidate | undefined> {
    try {
      const {
        model: simplified,
        applied,
        leftOut,
      } = await simplify(model, {
        session: this.#session,
        growth,
      });
      for (const what of leftOut) this.leftOut.add(what);
      return candidate(simplified, sum(passes, applied));
    } catch (error) {
      this.#leaveOut('', error);
      return undefined;
    }
  }

  async #byRuntime(
    { model, size, passes }: Candidate,
    level: OptimizeLevel,
    growth: number,
  ): Promise<Candidate | undefined> {
    if (size.bytes > MAX_RUNTIME_BYTES) {
      this.leftOut.add(`${RUNTIME_PASS}: for models up to 1 GiB`);
      return undefined;
    }
    // Its constant folding does not look at how large results are.
    const disabled = { 'optimization.disable_specified_optimizers': 'ConstantFolding' };
    const extra = { ...this.#session.extra, ...(growth > 0 ? {} : disabled) };
    try {
      const written = await runtimeOptimized(model, level, { ...this.#session, extra });
      return candidate(written, sum(passes, { [RUNTIME_PASS]: 1 }));
    } catch (error) {
      this.#leaveOut(`${RUNTIME_PASS}: `, error);
      return undefined;
    }
  }

  /** Goes on without what has failed, unless it failed because the search was to end. */
  #leaveOut(what: string, error: unknown): void {
    throwIfAborted(this.#session.signal, 'optimising');
    this.leftOut.add(`${what}${reason(error)}`);
  }
}

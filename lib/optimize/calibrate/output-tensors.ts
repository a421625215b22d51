import type { TensorLike } from '../../engine/run/feeds';
import type { InferenceSession } from '../../engine/session/session';
import { TensorPool } from '../../engine/tensor/pool/tensor-pool';
import { isTensor, type Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';

/** What a run gave, by the outputs' names. */
export type Outputs = Readonly<Record<string, unknown>>;

type Feeds = Readonly<Record<string, TensorLike>>;

const tensorsOf = (outputs: Outputs): Tensor[] => Object.values(outputs).filter(isTensor);

function disposeAll(outputs: Outputs): void {
  for (const tensor of tensorsOf(outputs)) tensor.dispose();
}

/** Inputs of the same dims mostly give outputs of the same dims. */
const keyOf = (feeds: Feeds): string =>
  Object.entries(feeds)
    .map(([name, { dims }]) => `${name}:${dims.join()}`)
    .join(';');

/**
 * The tensors that a session's runs write into: those of earlier runs whose inputs had the same dims,
 * or new ones. A run's belong to it until they are given back.
 */
export class OutputTensors {
  readonly #names: readonly string[];
  readonly #pool = new TensorPool();
  readonly #keys = new WeakMap<Outputs, string>();
  #spare: Outputs[] = [];
  /** Of the inputs that the spare ones are for. */
  #key = '';
  /** Whether the outputs' dims follow from those of the inputs, as far as is known. */
  #isFixed = true;

  /** @param names - the outputs that runs are to give */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Runs the session; what it gives is to be given back. */
  async run(
    session: InferenceSession,
    feeds: Feeds,
    options: { readonly signal?: AbortSignal },
  ): Promise<Outputs> {
    const key = keyOf(feeds);
    if (key !== this.#key) this.#clear();
    this.#key = key;
    const spare = this.#spare.pop();
    if (spare) {
      try {
        await session.run(feeds, spare as Readonly<Record<string, Tensor>>, options);
        return spare;
      } catch (error) {
        disposeAll(spare);
        if (!(error instanceof OnliteError && error.code === 'ERR_SHAPE_MISMATCH')) throw error;
        this.#isFixed = false;
      }
    }
    const outputs = await session.run<Outputs>(feeds, this.#names, {
      ...options,
      pool: this.#pool,
    });
    this.#keys.set(outputs, key);
    return outputs;
  }

  giveBack(outputs: Outputs): void {
    const isWhole = tensorsOf(outputs).length === this.#names.length;
    const isOfUse = this.#isFixed && isWhole && this.#keys.get(outputs) === this.#key;
    if (isOfUse) this.#spare.push(outputs);
    else disposeAll(outputs);
  }

  dispose(): void {
    this.#clear();
    this.#pool.dispose();
  }

  #clear(): void {
    for (const outputs of this.#spare.splice(0)) disposeAll(outputs);
  }
}

/** Of all tensors that a run gave. */
export const byteLengthOf = (outputs: Outputs): number =>
  tensorsOf(outputs).reduce((sum, { data }) => sum + (data as ArrayBufferView).byteLength, 0);

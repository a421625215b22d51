import { OnliteError, type RunOptions, type Tensor } from 'onlite';

import { disposeBound, type Bindings, type Bound, type InputShapes } from './bindings';
import type { ServedModel } from './served-model';
import type { Signature } from './signature';

/**
 * The memory of one request from its parsing to the last byte of its answer: write the inputs, run, read
 * the outputs, release. The outputs may be sent from where they are, as long as it is not released.
 */
export class Lease {
  readonly model: ServedModel;
  readonly signature: Signature;
  readonly #bindings: Bindings;
  #bound: Bound;
  readonly #shapes: InputShapes;
  readonly #started = process.hrtime.bigint();
  #isReleased = false;
  /** A run that was given up may still use the memory. */
  #isSpoilt = false;

  constructor(
    model: ServedModel,
    signature: Signature,
    bindings: Bindings,
    bound: Bound,
    shapes: InputShapes,
  ) {
    this.model = model;
    this.signature = signature;
    this.#bindings = bindings;
    this.#bound = bound;
    this.#shapes = shapes;
  }

  /** The tensor to write an input to; strings are put into its `data` one by one. */
  input(index: number): Tensor {
    return this.#tensor(this.#bound.io.inputs, this.signature.inputs[index]?.name);
  }

  /** An output after the run. */
  output(index: number): Tensor {
    return this.#tensor(this.#bound.io.outputs, this.signature.outputs[index]?.name);
  }

  #tensor(tensors: Readonly<Record<string, Tensor>>, name: string | undefined): Tensor {
    const tensor = name === undefined ? undefined : tensors[name];
    if (tensor === undefined) throw new Error(`there is no tensor '${name}'`);
    return tensor;
  }

  /**
   * Runs the model and counts the request.
   *
   * @throws OnliteError as `IoBinding.run`
   */
  async run(options?: Pick<RunOptions, 'timeoutMs' | 'signal'>): Promise<void> {
    const { statistics } = this.model;
    try {
      await this.#run(options);
    } catch (error) {
      statistics.failed(this.#elapsed());
      throw error;
    }
    statistics.succeeded(this.#elapsed(), this.#rows());
  }

  async #run(options: Pick<RunOptions, 'timeoutMs' | 'signal'> | undefined): Promise<void> {
    try {
      await this.#bound.io.run(options);
    } catch (error) {
      this.#isSpoilt = true;
      // Where dimensions of one name were not equal, an output has another shape than was concluded.
      const isOther = error instanceof OnliteError && mayBeShapes.has(error.code);
      if (!this.#bound.isConcluded || !isOther) throw error;
      const failed = this.#bound;
      this.#bound = this.#bindings.takeUnconcluded(this.#shapes);
      this.#copyInputs(failed);
      disposeBound(failed);
      await this.#bound.io.run(options);
      this.#isSpoilt = false;
      this.#bindings.concludeNoMore();
    }
  }

  #copyInputs({ io }: Bound): void {
    for (const [name, target] of Object.entries(this.#bound.io.inputs)) {
      const source = io.inputs[name]?.data;
      if (Array.isArray(source)) {
        (target.data as unknown as string[]).splice(0, source.length, ...source);
      } else if (ArrayBuffer.isView(source)) {
        (target.data as Float32Array).set(source as Float32Array);
      }
    }
  }

  /** A batch is where the first dimension is the request's. */
  #rows(): number {
    const isBatch = typeof this.signature.inputs[0]?.shape[0] === 'string';
    return isBatch ? (this.#shapes[0]?.[0] ?? 1) : 1;
  }

  #elapsed(): number {
    return Number(process.hrtime.bigint() - this.#started);
  }

  /** Ends the use of its tensors. May be called twice. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#isSpoilt) disposeBound(this.#bound);
    else this.#bindings.giveBack(this.#bound);
    this.model.ended();
  }
}

const mayBeShapes: ReadonlySet<string> = new Set(['ERR_SHAPE_MISMATCH', 'ERR_RUN_FAILED']);

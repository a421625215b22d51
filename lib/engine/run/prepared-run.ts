import type { NumericData } from '../tensor/element-type';
import { JobForOneRun, type Job, type StartedJob } from '../addon/jobs';
import {
  memoryKind,
  runWay,
  type NativeBinding,
  type NativeTensors,
  type NativeValue,
} from '../addon/native';
import { rejection, type Resolve } from '../addon/rejection';
import { acquireFrom, type TensorPool } from '../tensor/pool/tensor-pool';
import { dataOf, type Tensor } from '../tensor/tensor';
import { poolOfKept } from './own-pools';
import type { PreparedRuns } from './prepared-runs';
import { bitsOf, type Slot } from './prepared-slots';
import { runChannel } from './run-channel';
import type { RequestedOutputs } from './signature-plan';

/** A binding of such inputs and outputs. */
export type Bind = (inputs: NativeTensors, outputs: NativeTensors) => NativeBinding;

/** Memory of its own, for one run at a time. */
export class PreparedRun implements Job {
  readonly #bound: NativeBinding;
  readonly inputs: NumericData[] = [];
  readonly outputs: NumericData[] = [];
  /** What the run under way is asked for; undefined for every output. */
  requested: RequestedOutputs | undefined;
  /** Where the run's results are taken from. */
  pool: TensorPool | undefined;
  /** Kept alive: the bound memory is theirs. */
  readonly #tensors: Tensor[] = [];

  /** In the list of those that wait for a run. */
  next: PreparedRun | undefined;

  readonly #runs: PreparedRuns;
  #resolve: Resolve<object> | undefined;
  readonly #startNative = (id: number): void => {
    this.#bound.run(id);
  };
  #id = -1;
  #job: Job = this;
  readonly #start = (resolve: Resolve<object>): void => {
    this.#resolve = resolve;
    try {
      this.#id = this.#runs.observer.startRun(this.#job, this.#startNative);
    } catch (error) {
      this.end();
      throw error;
    }
  };

  constructor(runs: PreparedRuns, bind: Bind, inputs: Slot[], outputs: Slot[]) {
    this.#runs = runs;
    try {
      this.#bound = bind(this.#acquire(inputs, this.inputs), this.#acquire(outputs, this.outputs));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #acquire(slots: readonly Slot[], views: NumericData[]): NativeTensors {
    const encoded: NativeTensors = [];
    for (const [index, slot] of slots.entries()) {
      const tensor = acquireFrom(poolOfKept(), slot.type, slot.dims);
      const view = bitsOf(dataOf(tensor) as NumericData, slot);
      this.#tensors.push(tensor);
      views.push(view);
      encoded.push(index, slot.type.code, [...slot.dims], view, memoryKind.private);
    }
    return encoded;
  }

  /**
   * Runs once, asynchronously, and goes back to where it came from.
   *
   * @param abortable - the run may be abandoned, so it needs an object of its own
   */
  run(abortable = false): StartedJob & { result: Promise<object> } {
    const job = abortable ? new JobForOneRun(this) : this;
    this.#job = job;
    this.#id = -1;
    const result = new Promise(this.#start);
    return { id: this.#id, job, result };
  }

  /**
   * The same at once, on the calling thread, where that is quicker for everybody.
   *
   * @returns undefined if it is not: then nothing has happened
   */
  runInline(): Promise<object> | undefined {
    const { observer } = this.#runs;
    if (!observer.mayRunInline) return undefined;
    let isOver = true;
    try {
      const values = this.#bound.runSync(runWay.inline);
      isOver = values !== false;
      if (values === false) return undefined;
      return observer.deliverInline(this.#take(values));
    } finally {
      if (isOver) this.end();
    }
  }

  /** The same on the calling thread in any case. */
  runSync(): object {
    try {
      return this.#take(
        runChannel.hasSubscribers
          ? this.#runs.observer.runSync(() => this.#bound.runSync())
          : this.#bound.runSync(),
      );
    } finally {
      this.end();
    }
  }

  /** @param values - what the model made, if that is not what it declares */
  #take(values: readonly NativeValue[] | undefined): object {
    if (values === undefined) return this.#runs.results(this);
    // It may do so again, and the ordinary way does not run twice to find out.
    this.#runs.close();
    return this.#runs.decode(this, values);
  }

  succeed(values: unknown): void {
    this.#resolve?.(this.#take(values as NativeValue[] | undefined));
  }

  fail(error: unknown): void {
    this.#resolve?.(rejection(error));
  }

  end(): void {
    this.#resolve = undefined;
    this.requested = undefined;
    this.pool = undefined;
    this.#runs.giveBack(this);
  }

  /** Gives the memory back; the binding must not be run any more. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

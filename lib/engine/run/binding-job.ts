import type { Job } from '../addon/jobs';
import type { NativeValue } from '../addon/native';
import { rejection, type Resolve } from '../addon/rejection';

/** A binding's asynchronous runs: one object for all, as one is in flight at a time. */
export class BindingJob implements Job {
  running = false;
  resolve: Resolve<void> | undefined;
  readonly #ended: () => void;
  readonly #taken: (values: NativeValue[] | undefined) => void;

  /** The functions keep the binding, and with it the bound memory, until a run has ended. */
  constructor(ended: () => void, taken: (values: NativeValue[] | undefined) => void) {
    this.#ended = ended;
    this.#taken = taken;
  }

  succeed(values: unknown): void {
    this.#taken(values as NativeValue[] | undefined);
    this.resolve?.();
  }

  fail(error: unknown): void {
    this.resolve?.(rejection(error));
  }

  end(): void {
    this.running = false;
    this.#ended();
  }
}

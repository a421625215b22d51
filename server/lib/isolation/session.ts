import { TensorPool, type RunOptions, type Tensor } from 'onlite';

import type { SentTensor, SessionFacts } from './messages';
import type { ModelProcess } from './model-process';
import { SharedHistogram, histogramBytes } from './shared-histogram';
import { received, sent } from './tensors';

/** What is asked of `bind`. */
interface BindOptions {
  readonly inputs?: Readonly<Record<string, Tensor>>;
  readonly dims?: Readonly<Record<string, number | readonly number[]>>;
  readonly signature?: string;
  readonly pool?: TensorPool;
}

type Feeds = Readonly<Record<string, Tensor>>;
type Asked = Pick<RunOptions, 'signal' | 'timeoutMs'> & { readonly signature?: string };

const PHASES = ['queue', 'bind', 'invoke', 'fetch', 'total'] as const;
type Phase = (typeof PHASES)[number];

/** What the runs of so many threads, each with a process of its own, are measured in. */
export const sharedLatency = (threads: number): SharedArrayBuffer =>
  new SharedArrayBuffer(histogramBytes(threads, PHASES.length));

/** How long runs took, those of all threads: inside their processes, and with the way there and back. */
class IsolatedLatency {
  readonly queue: SharedHistogram;
  readonly bind: SharedHistogram;
  readonly invoke: SharedHistogram;
  readonly fetch: SharedHistogram;
  readonly total: SharedHistogram;

  constructor(memory: SharedArrayBuffer, thread: number) {
    const of = (phase: Phase): SharedHistogram =>
      new SharedHistogram(memory, PHASES.indexOf(phase), PHASES.length, thread);
    this.queue = of('queue');
    this.bind = of('bind');
    this.invoke = of('invoke');
    this.fetch = of('fetch');
    this.total = of('total');
  }

  /** What a run inside the process was made of is not told. */
  record(invokeNs: number, totalNs: number): void {
    this.queue.record(0);
    this.invoke.record(invokeNs);
    this.total.record(totalNs);
  }

  snapshot() {
    return { batchSizes: {} };
  }
}

/** A session in another process, as far as a server needs one. */
export class IsolatedSession implements SessionFacts {
  readonly engine: SessionFacts['engine'];
  readonly concurrency: number;
  readonly hasVariables: boolean;
  readonly inputMetadata: SessionFacts['inputMetadata'];
  readonly outputMetadata: SessionFacts['outputMetadata'];
  readonly signatures: SessionFacts['signatures'];
  readonly latency: IsolatedLatency;
  readonly #process: ModelProcess;

  /** @param latency - what {@link sharedLatency} has made */
  constructor(process: ModelProcess, latency = sharedLatency(1), thread = 0) {
    const { facts } = process;
    this.#process = process;
    this.latency = new IsolatedLatency(latency, thread);
    this.engine = facts.engine;
    this.concurrency = facts.concurrency;
    this.hasVariables = facts.hasVariables;
    this.inputMetadata = facts.inputMetadata;
    this.outputMetadata = facts.outputMetadata;
    this.signatures = facts.signatures;
  }

  /** @throws OnliteError as a session's, and as `ModelProcess.call` */
  async run(feeds: Feeds, options: Asked = {}): Promise<Record<string, Tensor>> {
    const outputs = await this.send(feeds, options);
    const pool = ownPool();
    return Object.fromEntries(outputs.map((output) => [output.name, received(output, pool)]));
  }

  /** @internal */
  async send(
    feeds: Feeds,
    { signal, timeoutMs, signature }: Asked,
  ): Promise<readonly SentTensor[]> {
    const started = process.hrtime.bigint();
    const sentFeeds = Object.entries(feeds).map(([name, tensor]) => sent(name, tensor));
    const request = { kind: 'run', feeds: sentFeeds, signature, timeoutMs } as const;
    const { outputs, ns } = await this.#process.call(request, signal);
    this.latency.record(ns, Number(process.hrtime.bigint() - started));
    return outputs;
  }

  /** Inputs in memory of a pool; outputs are what comes back. @throws OnliteError ERR_POOL_EXHAUSTED */
  bind(options: BindOptions): IsolatedBinding {
    return new IsolatedBinding(this, options);
  }

  async warmUp(runs = 1): Promise<void> {
    await this.#process.call({ kind: 'warmUp', runs });
  }

  async resetVariables(): Promise<void> {
    await this.#process.call({ kind: 'reset' });
  }

  /** Ends the process. */
  release(): Promise<void> {
    this.#process.close();
    return Promise.resolve();
  }
}

/** Memory for runs in another process. */
export class IsolatedBinding {
  readonly inputs: Record<string, Tensor> = {};
  outputs: Record<string, Tensor> = {};
  readonly #session: IsolatedSession;
  readonly #pool: TensorPool;
  readonly #signature: string | undefined;
  /** What was not given. */
  readonly #own: Tensor[] = [];

  constructor(session: IsolatedSession, options: BindOptions) {
    const { inputs = {}, dims = {}, signature, pool = ownPool() } = options;
    this.#session = session;
    this.#pool = pool;
    this.#signature = signature;
    Object.assign(this.inputs, inputs);
    const all =
      signature === undefined
        ? session.inputMetadata
        : (session.signatures[signature]?.inputs ?? []);
    try {
      for (const input of all) {
        const shape = dims[input.name];
        // Strings, and optional inputs, are among what was given.
        if (!input.isTensor || input.type === 'string' || !Array.isArray(shape)) continue;
        if (this.inputs[input.name] !== undefined) continue;
        const tensor = pool.acquire(input.type, shape) as unknown as Tensor;
        this.#own.push(tensor);
        this.inputs[input.name] = tensor;
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** @throws OnliteError as `IsolatedSession.run` */
  async run(options: Pick<RunOptions, 'signal' | 'timeoutMs'> = {}): Promise<void> {
    const signature = this.#signature;
    const asked = signature === undefined ? options : { ...options, signature };
    const outputs = await this.#session.send(this.inputs, asked);
    this.#disposeOutputs();
    for (const output of outputs) this.outputs[output.name] = received(output, this.#pool);
  }

  /** There is no such thing: the model is elsewhere. */
  runSync(): never {
    throw new Error('a model in another process is not run at once');
  }

  #disposeOutputs(): void {
    for (const tensor of Object.values(this.outputs)) tensor.dispose();
    this.outputs = {};
  }

  dispose(): void {
    this.#disposeOutputs();
    for (const tensor of this.#own) tensor.dispose();
  }
}

let pool: TensorPool | undefined;
const ownPool = (): TensorPool => (pool ??= new TensorPool());

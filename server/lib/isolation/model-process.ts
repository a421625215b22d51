import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { OnliteError } from 'onlite';

import type {
  ChildMessage,
  ChildOrder,
  IsolatedModel,
  SentError,
  SentTensor,
  SessionFacts,
} from './messages';

/** How long a process that ended is left alone before another takes its place; longer each time. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 30_000;

/** Who has been there for so long has not ended because it was started. */
const SETTLED_MS = 60_000;

/** Bytes, and runs, that were given up and that the process may have yet: it does not answer, or not as fast. */
const MOST_GIVEN_UP_BYTES = 64 << 20;
const MOST_GIVEN_UP = 1000;

/** For the process to say itself that a run takes too long. */
const LATE_MS = 20;

const LONGEST_TIMER_MS = 0x7fff_ffff;

/** What a run has put out. */
export interface ChildAnswer {
  readonly outputs: readonly SentTensor[];
  readonly ns: number;
}

interface Pending {
  /** Of its inputs. */
  readonly bytes: number;
  isGivenUp: boolean;
  readonly done: (answer: ChildAnswer) => void;
  readonly fail: (error: Error) => void;
}

/** What is asked of a child, without its number. */
export type ChildRequest =
  | Omit<Extract<ChildOrder, { kind: 'run' }>, 'id'>
  | Omit<Extract<ChildOrder, { kind: 'warmUp' }>, 'id'>
  | Omit<Extract<ChildOrder, { kind: 'reset' }>, 'id'>;

/**
 * A process that has one model. When it ends, by whatever signal, what it was doing fails, and another one takes its
 * place after a time that grows.
 */
export class ModelProcess {
  readonly #model: IsolatedModel;
  /** Told why nothing can be run now; undefined when it can again. */
  onChange: ((problem: string | undefined) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  /** Of those that nobody waits for any more. */
  #givenUp = 0;
  #givenUpBytes = 0;
  #child: ChildProcess | undefined;
  #facts: SessionFacts | undefined;
  #problem: string | undefined = 'its process is being started';
  #ready: { done: () => void; fail: (error: Error) => void } | undefined;
  #nextId = 0;
  #hasStarted = false;
  #restarts = 0;
  #startedAt = 0;
  #killedFor: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param facts - of the model, where another thread has loaded it before */
  constructor(model: IsolatedModel, facts?: SessionFacts) {
    this.#model = model;
    this.#facts = facts;
  }

  /** Resolves when the model is loaded. @throws OnliteError as `InferenceSession.create` */
  start(): Promise<void> {
    return new Promise((done, fail) => {
      this.#ready = { done, fail };
      this.#start();
    });
  }

  /** Of the model, once it is loaded. */
  get facts(): SessionFacts {
    if (this.#facts === undefined) throw new Error('the model is not loaded');
    return this.#facts;
  }

  /** Why nothing can be run now; undefined if it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Its number in the system; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #start(): void {
    this.#startedAt = performance.now();
    let child: ChildProcess;
    try {
      child = fork(join(__dirname, CHILD_FILE), [], {
        serialization: 'advanced',
        execArgv: [],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
    } catch (error) {
      this.#child = undefined;
      this.#ended(undefined, messageOf(error));
      return;
    }
    this.#child = child;
    child.on('message', (message: ChildMessage) => this.#heard(child, message));
    // One that could not be started does not exit.
    child.on('error', (error) => {
      if (child.pid === undefined) this.#ended(child, error.message);
    });
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `exit code ${code}`));
    const { decrypt, loadPriority, ...rest } = this.#model.options;
    // Where it takes the place of one that has ended, nobody answers meanwhile.
    const isFirst = !this.#hasStarted;
    this.#hasStarted = true;
    const options = { ...rest, ...(isFirst && loadPriority && { loadPriority }) };
    const asksForKey = typeof decrypt === 'function';
    const sendable = asksForKey || decrypt === undefined ? options : { ...options, decrypt };
    const model = { model: this.#model.model, options: sendable };
    this.#send({ kind: 'load', model, asksForKey });
    this.#keep();
  }

  #send(order: ChildOrder): void {
    const child = this.#child;
    // What cannot be written is told of by the end of the process.
    if (child?.connected === true) child.send(order, () => undefined);
  }

  /** Only what somebody waits for keeps this process alive. */
  #keep(): void {
    const isAwaited = this.#pending.size > 0 || this.#ready !== undefined;
    const child = this.#child;
    if (isAwaited) {
      child?.ref();
      child?.channel?.ref();
    } else {
      child?.unref();
      child?.channel?.unref();
    }
  }

  #heard(child: ChildProcess, message: ChildMessage): void {
    if (child !== this.#child) return;
    switch (message.kind) {
      case 'loaded':
        this.#loaded(message.facts);
        return;
      case 'broken':
        this.#broken(errorOf(message.error));
        return;
      case 'key':
        void this.#giveKey(message.keyId);
        return;
      default: {
        const pending = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        if (pending?.isGivenUp === true) {
          this.#givenUp--;
          this.#givenUpBytes -= pending.bytes;
        }
        if (message.kind === 'done') pending?.done(message);
        else pending?.fail(errorOf(message.error));
        if (this.#pending.size === 0) this.#keep();
      }
    }
  }

  #loaded(facts: SessionFacts): void {
    const before = this.#facts;
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(facts)) {
      this.#broken(new OnliteError('ERR_MODEL_INVALID', 'the file has another model now'));
      return;
    }
    this.#facts = facts;
    this.#change(undefined);
    this.#ready?.done();
    this.#ready = undefined;
    this.#keep();
  }

  /** It cannot be loaded: at first that is told to who loads it, later it is tried again. */
  #broken(error: Error): void {
    if (this.#ready === undefined || this.#facts !== undefined) {
      this.#killedFor = `it could not be loaded again: ${error.message}`;
      this.#child?.kill('SIGKILL');
      return;
    }
    const { fail } = this.#ready;
    this.#ready = undefined;
    this.close();
    fail(error);
  }

  async #giveKey(keyId: string | undefined): Promise<void> {
    const { decrypt } = this.#model.options;
    let key: Uint8Array | string | undefined;
    try {
      if (typeof decrypt === 'function') key = (await decrypt(keyId)) as Uint8Array | string;
    } catch {
      // The child says that there is none.
    }
    this.#send({ kind: 'key', key });
  }

  #ended(child: ChildProcess | undefined, why: string): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    const said = this.#killedFor ?? `its process has ended (${why})`;
    this.#killedFor = undefined;
    const error = (): OnliteError => new OnliteError('ERR_SESSION_RELEASED', `the model: ${said}`);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#givenUp = this.#givenUpBytes = 0;
    for (const { fail } of pending) fail(error());
    if (this.#isClosed) return;
    if (this.#facts === undefined) {
      this.#ready?.fail(new OnliteError('ERR_MODEL_INVALID', `the model: ${said}`));
      this.#ready = undefined;
      return;
    }
    this.#change(said);
    if (performance.now() - this.#startedAt > SETTLED_MS) this.#restarts = 0;
    const after = Math.min(FIRST_RESTART_MS * 2 ** this.#restarts++, LAST_RESTART_MS);
    this.#timer = setTimeout(() => this.#start(), after);
    this.#timer.unref();
  }

  #change(problem: string | undefined): void {
    this.#problem = problem;
    this.onChange?.(problem);
  }

  /**
   * Has something done.
   *
   * @throws OnliteError as a session; ERR_SESSION_RELEASED if the process ends meanwhile, or is not there
   */
  call(request: ChildRequest, signal?: AbortSignal): Promise<ChildAnswer> {
    const problem = this.#problem;
    if (problem !== undefined) {
      const what = `the model: ${problem}; it is being started again`;
      return Promise.reject(new OnliteError('ERR_SESSION_RELEASED', what));
    }
    if (signal?.aborted === true) return Promise.reject(cancelled(signal));
    if (this.#givenUp >= MOST_GIVEN_UP || this.#givenUpBytes > MOST_GIVEN_UP_BYTES) {
      const what = 'the model: its process has not answered what was given up before';
      return Promise.reject(new OnliteError('ERR_BUSY', what));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const { feeds = [], timeoutMs } = request.kind === 'run' ? request : {};
      const giveUp = (error: OnliteError): void => {
        const pending = this.#pending.get(id);
        if (pending === undefined || pending.isGivenUp) return;
        pending.isGivenUp = true;
        this.#givenUp++;
        this.#givenUpBytes += pending.bytes;
        this.#send({ kind: 'cancel', id });
        pending.fail(error);
      };
      const cancel = (): void => giveUp(cancelled(signal));
      // The process says so itself, unless it hangs.
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(
              () => giveUp(tooLong(timeoutMs)),
              Math.min(timeoutMs + LATE_MS, LONGEST_TIMER_MS),
            );
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
      };
      this.#pending.set(id, {
        bytes: bytesOf(feeds),
        isGivenUp: false,
        done: (answer) => {
          over();
          resolve(answer);
        },
        fail: (error) => {
          over();
          reject(error);
        },
      });
      signal?.addEventListener('abort', cancel);
      this.#send({ ...request, id });
      if (this.#pending.size === 1) this.#keep();
    });
  }

  /** Ends the process, which does not answer; another one takes its place. */
  kill(why: string): void {
    if (this.#child === undefined) return;
    this.#killedFor = why;
    this.#child.kill('SIGKILL');
  }

  /** Ends it for good. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }
}

const cancelled = (signal: AbortSignal | undefined): OnliteError =>
  new OnliteError('ERR_CANCELLED', 'the run was cancelled', { cause: signal?.reason });

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const tooLong = (ms: number): OnliteError =>
  new OnliteError('ERR_TIMEOUT', `the run has taken more than ${Math.ceil(ms)} ms`);

const bytesOf = (feeds: readonly SentTensor[]): number =>
  feeds.reduce(
    (sum, { data }) =>
      sum +
      (data instanceof Uint8Array ? data.length : data.reduce((all, text) => all + text.length, 0)),
    0,
  );

const errorOf = ({ code, message }: SentError): Error =>
  code === undefined ? new Error(message) : new OnliteError(code, message);

/** Beside this package's other entries, wherever this is bundled to. */
const CHILD_FILE = __dirname.endsWith('chunks') ? '../isolated.js' : 'isolated.js';

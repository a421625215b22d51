import { createInterface } from 'node:readline';

import { OnliteError } from '../errors';
import { cleanEnvironment, startChild, type Child } from './child';
import { failureOf, type FailureFacts } from './failure';

/** A line that a converter says. */
type Message =
  | { readonly event: 'progress'; readonly stage: string }
  | { readonly event: 'result'; readonly result: unknown }
  | ({ readonly event: 'failure' } & FailureFacts)
  | {
      readonly event: 'error';
      readonly type: string;
      readonly message: string;
      readonly traceback: string;
    };

/** Undefined for what a Python prints before the program has taken standard output for itself. */
function messageOf(line: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(line);
    const isMessage = typeof message === 'object' && message !== null && 'event' in message;
    return isMessage ? (message as Message) : undefined;
  } catch {
    return undefined;
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How a {@link ConverterProcess} is started. */
export interface ConverterOptions {
  readonly python: string;
  /** The program's file. */
  readonly program: string;
  /** Where it works, and leaves what it does not clean up. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onStage?: ((stage: string) => void) | undefined;
}

/** So much of what a converter prints is kept, of its end. */
const LOG_LENGTH = 64 * 1024;

/** What makes Python and the frameworks do the same each time, and nothing else than asked. */
const SETTINGS = {
  LANG: 'C.UTF-8',
  PYTHONHASHSEED: '0',
  PYTHONIOENCODING: 'utf-8',
  PYTHONNOUSERSITE: '1',
  PYTHONDONTWRITEBYTECODE: '1',
  // Errors and warnings; the CPU alone; kernels whose sums do not depend on the machine.
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_ENABLE_ONEDNN_OPTS: '0',
  TF_DETERMINISTIC_OPS: '1',
  CUDA_VISIBLE_DEVICES: '-1',
  KERAS_BACKEND: 'tensorflow',
};

/** What a program that is killed leaves is in its folder, which goes with the conversion. */
function foldersIn(folder: string): Record<string, string> {
  const names = ['KERAS_HOME', 'MPLCONFIGDIR', 'TMPDIR', 'TEMP', 'TMP'];
  return Object.fromEntries(names.map((name) => [name, folder]));
}

/** A converter's program in Python, which is asked by lines of JSON. */
export class ConverterProcess {
  readonly #child: Child;
  readonly #onStage: ((stage: string) => void) | undefined;
  #waiting: Waiting | undefined;
  /** Why there are no more answers. */
  #over: { readonly error: unknown } | undefined;
  #log = '';

  constructor({ python, program, folder, signal, onStage }: ConverterOptions) {
    this.#onStage = onStage;
    this.#child = startChild(python, ['-s', program], {
      cwd: folder,
      env: cleanEnvironment({ ...SETTINGS, ...foldersIn(folder) }),
      stdio: ['pipe', 'pipe', 'pipe'],
      signal,
      what: 'the conversion',
    });
    const { stdin, stdout, stderr } = this.#child.process;
    // A program that ends early is told of by its end.
    stdin?.on('error', () => undefined);
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_LENGTH);
    });
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#hear(line));
    this.#child.ended.then(
      (code) => this.#end(this.#died(code)),
      (error: unknown) => this.#end(error),
    );
  }

  /** What the program and its libraries have printed, the end of it. */
  get log(): string {
    return this.#log;
  }

  /** When the program has ended, however it has. */
  get ended(): Promise<unknown> {
    return this.#child.ended.catch(() => undefined);
  }

  /**
   * Has the program do something.
   *
   * @throws OnliteError ERR_UNSUPPORTED for what cannot be converted, ERR_RUN_FAILED where the
   *   converter fails, its words as the cause, ERR_CANCELLED, ERR_TIMEOUT
   */
  async ask(method: string, request: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      // It may have ended while nobody waited.
      if (this.#over) this.#settle(undefined, this.#over.error);
      else this.#child.process.stdin?.write(`${JSON.stringify({ method, ...request })}\n`);
    });
  }

  /** Ends the program. */
  async close(): Promise<void> {
    this.#child.kill();
    await this.ended;
  }

  #hear(line: string): void {
    const message = messageOf(line);
    if (message === undefined) {
      this.#log = `${this.#log}${line}\n`.slice(-LOG_LENGTH);
      return;
    }
    switch (message.event) {
      case 'progress':
        this.#onStage?.(message.stage);
        break;
      case 'result':
        this.#settle(message.result, undefined);
        break;
      case 'failure':
        this.#settle(undefined, failureOf(message));
        break;
      case 'error': {
        const { type, message: text, traceback } = message;
        const facts = { type, message: text, log: `${this.#log}\n${traceback}` };
        this.#settle(undefined, failureOf(facts));
      }
    }
  }

  #end(error: unknown): void {
    this.#over = { error };
    this.#settle(undefined, error);
  }

  #settle(result: unknown, error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(error);
  }

  #died(code: number | null): OnliteError {
    const how = code === null ? 'was killed, perhaps for want of memory' : `ended with ${code}`;
    return new OnliteError('ERR_RUN_FAILED', `the converter ${how}`, { cause: tailOf(this.#log) });
  }
}

/** The end of what was printed, as the cause of an error. */
function tailOf(log: string): Error {
  return new Error(log.trim().split('\n').slice(-20).join('\n'));
}

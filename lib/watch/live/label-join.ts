import { createReadStream } from 'node:fs';
import { mkdir, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

import { requireCount } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { Pause } from '../log/pause';
import type { Prediction } from '../rows/row';

export interface LabelOptions {
  /** A journal that survives a restart; without one, what waits for its label is in memory alone. */
  readonly path?: string;
  /**
   * Predictions that may wait for their labels; the oldest goes first. Default 100,000; fewer where
   * they have more than 8,388,608 scores together.
   */
  readonly maxPending?: number;
  /** How long a prediction waits, in milliseconds. Default 7 days. */
  readonly maxAgeMs?: number;
}

/** A prediction that waits for its label, or has it. */
export interface JoinedRow {
  readonly requestId: string;
  readonly version: string;
  /** When it was predicted, in milliseconds since 1970. */
  readonly time: number;
  readonly prediction: Prediction;
  /** How many rows it stands for, where it is one of a sample. Default 1. */
  readonly weight?: number;
}

export interface JoinCounts {
  /** Predictions that wait. */
  readonly pending: number;
  readonly joined: number;
  /** Labels whose prediction is not known, or no more. */
  readonly unmatched: number;
  /** Labels of requests that were not looked at, as far as it is known. */
  readonly unsampled: number;
  /** Predictions whose label did not come in time. */
  readonly expired: number;
  /** Lines of the journal that could not be written, or not be read again. */
  readonly lost: number;
}

const DAY = 86_400_000;

/** Scores of all that waits: 64 MiB of them. */
const MOST_SCORES = 8 << 20;

/** So many lines are not waited with for others. */
const ENOUGH_LINES = 1000;

/** Of text that is made and written at once. */
const CHUNK_LENGTH = 1 << 20;

type Classes = NonNullable<Prediction['classes']>;

/** With `true` for the classes of the line of classes before; old journals have them in each line. */
type WrittenPrediction = Omit<Prediction, 'classes'> & { readonly classes?: Classes | true };

type Entry =
  | readonly ['c', Classes]
  | readonly ['p', string, string, number, WrittenPrediction, number?]
  | readonly ['l', string, number | string];

type Waiting = JoinedRow | (Entry & { readonly 0: 'l' });

const areEqual = (a: Classes, b: Classes): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]));

/** Text of about so many lines as fit in a chunk; each has the classes that its rows need. */
function* chunksOf(items: Iterable<Waiting>): Generator<string> {
  let text = '';
  let written: Classes | undefined;
  const add = (entry: Entry): void => {
    text += `${JSON.stringify(entry)}\n`;
  };
  for (const item of items) {
    if (!('requestId' in item)) add(item);
    else {
      const { requestId, version, time, prediction, weight = 1 } = item;
      const { classes } = prediction;
      if (classes !== undefined && (written === undefined || !areEqual(classes, written))) {
        add(['c', classes]);
        written = classes;
      }
      const row = classes === undefined ? prediction : { ...prediction, classes: true as const };
      if (weight === 1) add(['p', requestId, version, time, row]);
      else add(['p', requestId, version, time, row, weight]);
    }
    if (text.length < CHUNK_LENGTH) continue;
    yield text;
    text = '';
    written = undefined;
  }
  if (text !== '') yield text;
}

const areClasses = (value: unknown): value is Classes =>
  Array.isArray(value) && value.every((each) => ['number', 'string'].includes(typeof each));

function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value)) return false;
  if (value[0] === 'c') return areClasses(value[1]);
  if (typeof value[1] !== 'string') return false;
  if (value[0] === 'l') return ['number', 'string'].includes(typeof value[2]);
  const { value: predicted, scores, classes } = (value[4] ?? {}) as Partial<WrittenPrediction>;
  const areScores = Array.isArray(scores) && scores.every((score) => typeof score === 'number');
  if (scores !== undefined && !areScores) return false;
  if (classes !== undefined && classes !== true && !areClasses(classes)) return false;
  if (value[5] !== undefined && !(typeof value[5] === 'number' && value[5] >= 1)) return false;
  return (
    value[0] === 'p' &&
    typeof value[2] === 'string' &&
    typeof value[3] === 'number' &&
    ['number', 'string'].includes(typeof predicted)
  );
}

/**
 * Brings labels, which come later, together with the predictions that they belong to, by the
 * request's id. The journal has a line for each prediction and each label, and one of their classes
 * before those that have others; it is written anew with what still waits when most of it is history.
 */
export class LabelJoin {
  readonly #path: string | undefined;
  readonly #maxPending: number;
  readonly #maxAgeMs: number;
  readonly #pending = new Map<string, JoinedRow>();
  /** Goes on where it was: a new one would step over all that has left since the map last grew. */
  #inOrder = this.#pending.entries();
  #oldest: readonly [id: string, row: JoinedRow] | undefined;
  readonly #onJoined: (row: JoinedRow, label: number | string) => void;
  #scores = 0;
  #joined = 0;
  #unmatched = 0;
  #unsampled = 0;
  #expired = 0;
  #lost = 0;
  #lines = 0;
  /** A journal with more lines is written anew. */
  #longest = 0;
  #isCut = false;
  /** The last ones: rows of the same classes share them. */
  #classes: Classes | undefined;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  readonly #pause = new Pause();
  #file: FileHandle | null = null;

  private constructor(
    options: LabelOptions,
    onJoined: (row: JoinedRow, label: number | string) => void,
  ) {
    const { path, maxPending = 100_000, maxAgeMs = 7 * DAY } = options;
    if (path !== undefined && (typeof path !== 'string' || path === '')) {
      throw invalidArgument('labels.path', 'a path', path);
    }
    requireCount(maxPending, 'labels.maxPending');
    if (!(maxAgeMs > 0)) throw invalidArgument('labels.maxAgeMs', 'milliseconds above 0', maxAgeMs);
    this.#path = path;
    this.#maxPending = maxPending;
    this.#maxAgeMs = maxAgeMs;
    this.#onJoined = onJoined;
  }

  /**
   * Reads the journal, if there is one; what was joined in it is told of again.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT where the journal cannot be read or written.
   */
  static async open(
    options: LabelOptions,
    onJoined: (row: JoinedRow, label: number | string) => void,
  ): Promise<LabelJoin> {
    const join = new LabelJoin(options, onJoined);
    if (options.path !== undefined) {
      try {
        await join.#replay(options.path);
        await join.#rewrite(options.path);
      } catch (error) {
        throw new OnliteError(
          'ERR_INVALID_ARGUMENT',
          `labels.path: ${options.path} cannot be used as a journal: ${(error as Error).message}`,
          { cause: error },
        );
      }
    }
    return join;
  }

  get counts(): JoinCounts {
    return {
      pending: this.#pending.size,
      joined: this.#joined,
      unmatched: this.#unmatched,
      unsampled: this.#unsampled,
      expired: this.#expired,
      lost: this.#lost,
    };
  }

  /** Whether a prediction of such an id waits. */
  awaits(requestId: string): boolean {
    return this.#pending.has(requestId);
  }

  predicted(row: JoinedRow): void {
    this.#write(this.#remember(row));
  }

  /**
   * Whether the prediction is known.
   *
   * @param wasLeftOut - whether the request is one that was not looked at, if it is not
   */
  label(requestId: string, label: number | string, wasLeftOut = (): boolean => false): boolean {
    if (!this.#settle(requestId, label)) {
      if (wasLeftOut()) this.#unsampled++;
      else this.#unmatched++;
      return false;
    }
    this.#write(['l', requestId, label]);
    return true;
  }

  /** Settles when the journal has all that was said so far. */
  async flush(): Promise<void> {
    await this.#pause.hurry(async () => {
      while (this.#writing) await this.#writing;
    });
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close().catch(() => undefined);
    this.#file = null;
  }

  #remember(given: JoinedRow): JoinedRow {
    const row = this.#sharing(given);
    // An id that is used again begins anew, at the end of the line.
    this.#forget(row.requestId);
    this.#pending.set(row.requestId, row);
    this.#scores += row.prediction.scores?.length ?? 0;
    this.#expire(row.time);
    return row;
  }

  /** The row, with the classes of the one before where they are equal. */
  #sharing(row: JoinedRow): JoinedRow {
    const { classes } = row.prediction;
    if (classes === undefined || classes === this.#classes) return row;
    if (this.#classes === undefined || !areEqual(classes, this.#classes)) {
      this.#classes = classes;
      return row;
    }
    return { ...row, prediction: { ...row.prediction, classes: this.#classes } };
  }

  #expire(now: number): void {
    for (let oldest = this.#first(); oldest !== undefined; oldest = this.#first()) {
      const [id, { time }] = oldest;
      const haveRoom = this.#pending.size <= this.#maxPending && this.#scores <= MOST_SCORES;
      if (haveRoom && now - time <= this.#maxAgeMs) return;
      this.#forget(id);
      this.#expired++;
    }
  }

  /** What has waited longest. */
  #first(): readonly [id: string, row: JoinedRow] | undefined {
    if (this.#pending.size === 0) return undefined;
    // It may have left, or have begun anew behind the others.
    while (this.#oldest === undefined || this.#pending.get(this.#oldest[0]) !== this.#oldest[1]) {
      const next = this.#inOrder.next();
      if (next.done === true) this.#inOrder = this.#pending.entries();
      else this.#oldest = next.value;
    }
    return this.#oldest;
  }

  #forget(requestId: string): void {
    this.#scores -= this.#pending.get(requestId)?.prediction.scores?.length ?? 0;
    this.#pending.delete(requestId);
  }

  #settle(requestId: string, label: number | string): boolean {
    const row = this.#pending.get(requestId);
    if (!row) return false;
    this.#forget(requestId);
    this.#joined++;
    this.#onJoined(row, label);
    return true;
  }

  async #replay(path: string): Promise<void> {
    const input = createReadStream(path);
    const lines = createInterface({ input, crlfDelay: Infinity });
    try {
      for await (const line of lines) this.#apply(line);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  #apply(line: string): void {
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch {
      // The last line of a process that was killed may be cut.
    }
    if (!isEntry(entry)) {
      if (line === '') return;
      this.#lost++;
      // It may have been of the classes of those that follow.
      this.#classes = undefined;
      return;
    }
    if (entry[0] === 'c') {
      if (!this.#classes || !areEqual(entry[1], this.#classes)) this.#classes = entry[1];
      return;
    }
    if (entry[0] === 'l') {
      this.#settle(entry[1], entry[2]);
      return;
    }
    const [, requestId, version, time, { classes, ...rest }, weight] = entry;
    const own = classes === true ? this.#classes : classes;
    if (classes !== undefined && own === undefined) {
      this.#lost++;
      return;
    }
    const prediction: Prediction = { ...rest, ...(own && { classes: own }) };
    this.#remember({
      ...{ requestId, version, time, prediction },
      ...(weight !== undefined && { weight }),
    });
  }

  /** The journal with what waits and nothing else, in the place of the old one at once. */
  async #rewrite(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.new`;
    const file = await open(temporary, 'w', 0o640);
    let lines: number;
    try {
      // As it is now: what comes while it is written waits for its own turn.
      const rows = [...this.#pending.values()];
      lines = rows.length;
      for (const text of chunksOf(rows)) await file.appendFile(text);
      await rename(temporary, path);
    } catch (error) {
      await file.close().catch(() => undefined);
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#lines = lines;
    this.#longest = 3 * lines + 10_000;
  }

  /** What cannot be written anew now is tried again when it is twice as long. */
  async #shorten(path: string): Promise<void> {
    await this.#rewrite(path).catch(() => {
      this.#longest = 2 * this.#lines;
    });
  }

  #write(item: Waiting): void {
    if (this.#path === undefined) return;
    // A disk that does not keep up costs the restart, not the memory.
    if (this.#waiting.length >= this.#maxPending) this.#lost++;
    else this.#waiting.push(item);
    this.#writing ??= this.#drain(this.#path);
    if (this.#waiting.length >= ENOUGH_LINES) this.#pause.end();
  }

  async #drain(path: string): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#pause.wait();
      const lines = this.#waiting;
      this.#waiting = [];
      try {
        for (const text of chunksOf(lines)) {
          // An empty line ends the one that a full disk has cut.
          await this.#file?.appendFile(this.#isCut ? `\n${text}` : text);
          this.#isCut = false;
        }
        this.#lines += lines.length;
      } catch {
        this.#isCut = true;
        this.#lost += lines.length;
      }
      if (this.#lines > this.#longest) await this.#shorten(path);
    }
    this.#writing = null;
  }
}

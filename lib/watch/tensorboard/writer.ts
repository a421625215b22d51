import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { requireCount } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { barsOf } from './bars';
import { encodePng, readPng, type Pixels } from './png';
import { tfRecord } from './record';
import {
  histogramValue,
  hyperParameterValues,
  imageValue,
  layoutValue,
  scalarValue,
  summaryEvent,
  textValue,
  versionEvent,
  type ChartCategory,
  type HistogramBar,
  type HyperParameter,
  type SummaryValue,
} from './summary';

export interface TensorBoardWriterOptions {
  /** How long records may wait in memory, in milliseconds. Default 10,000. */
  readonly flushMs?: number;
  /**
   * Bytes of records that may wait for the disk; what finds no room is dropped and counted. Default
   * 16 MiB.
   */
  readonly maxWaitingBytes?: number;
  /** Appended to the file's name. */
  readonly suffix?: string;
}

/** When and where on the axis something was recorded. */
export interface EventOptions {
  /** Default: one more than the last of this tag, from 0 on. */
  readonly step?: number;
  /** Default: now. */
  readonly time?: Date;
}

export interface HistogramOptions extends EventOptions {
  /** Default 30. */
  readonly bars?: number;
}

/** Bytes in memory from which on they are written at once. */
const FLUSH_BYTES = 1 << 16;

/** Files of one process that are made in the same second have numbers. */
let filesMade = 0;

/**
 * Writes what TensorBoard shows (`tensorboard --logdir DIRECTORY`): scalars, histograms, texts, images,
 * hyperparameters and the layout of its custom charts. Nothing is read or written before the first
 * record; a record costs the caller its encoding, the disk is waited for by `flush` and `close` alone.
 * Memory is bounded: records that a slow disk leaves no room for are dropped and counted.
 *
 * The files are TensorFlow's: TFRecords of `Event` messages with masked CRC-32C.
 */
export class TensorBoardWriter {
  readonly #directory: string;
  readonly #flushMs: number;
  readonly #suffix: string;
  readonly #maxWaitingBytes: number;
  readonly #steps = new Map<string, number>();
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Bytes on their way to the disk. */
  #leavingBytes = 0;
  #dropped = 0;
  #file: FileHandle | null = null;
  #path: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #failure: OnliteError | null = null;
  #isClosed = false;

  /** @param directory - one for each run; made with its parents if it is not there */
  constructor(directory: string, options: TensorBoardWriterOptions = {}) {
    if (typeof directory !== 'string' || directory === '') {
      throw invalidArgument('directory', 'a path', directory);
    }
    const { flushMs = 10_000, suffix = '', maxWaitingBytes = 16 << 20 } = options;
    requireCount(maxWaitingBytes, 'maxWaitingBytes');
    this.#maxWaitingBytes = maxWaitingBytes;
    if (!(flushMs >= 0)) throw invalidArgument('flushMs', 'milliseconds from 0 on', flushMs);
    this.#directory = directory;
    this.#flushMs = flushMs;
    this.#suffix = suffix;
  }

  /** The file that is written; null before the first record has reached it. */
  get path(): string | null {
    return this.#path;
  }

  /** Records that found no room while the disk was slow, or that it did not take. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A number over time: of single precision in the file. */
  scalar(tag: string, value: number, options?: EventOptions): void {
    if (typeof value !== 'number') throw invalidArgument('value', 'a number', value);
    this.#add(tag, [scalarValue(tag, value)], options);
  }

  /** How values are distributed; what is not finite is left out. */
  histogram(tag: string, values: ArrayLike<number>, options: HistogramOptions = {}): void {
    this.#add(tag, [histogramValue(tag, barsOf(values, options.bars ?? 30))], options);
  }

  /** A histogram that was counted elsewhere. */
  bars(tag: string, bars: readonly HistogramBar[], options?: EventOptions): void {
    this.#add(tag, [histogramValue(tag, bars)], options);
  }

  /** Markdown. */
  text(tag: string, text: string | readonly string[], options?: EventOptions): void {
    this.#add(tag, [textValue(tag, typeof text === 'string' ? [text] : text)], options);
  }

  /** @param image - the bytes of a PNG, or pixels */
  image(tag: string, image: Uint8Array | Pixels, options?: EventOptions): void {
    const encoded = image instanceof Uint8Array ? readPng(image) : encodePng(image);
    this.#add(tag, [imageValue(tag, encoded)], options);
  }

  /**
   * Makes the run a row of the page "HParams".
   *
   * @param metrics - tags of scalars that are its columns beside the parameters
   */
  hyperParameters(
    parameters: Readonly<Record<string, HyperParameter>>,
    metrics: readonly string[] = [],
  ): void {
    for (const [name, value] of Object.entries(parameters)) {
      if (!['number', 'string', 'boolean'].includes(typeof value)) {
        throw invalidArgument(`parameters.${name}`, 'a number, string or boolean', value);
      }
    }
    const now = Date.now() / 1000;
    this.#add('_hparams_', hyperParameterValues(parameters, metrics, now), { step: 0 });
  }

  /** What the page "Custom scalars" shows. */
  layout(categories: readonly ChartCategory[]): void {
    this.#add('custom_scalars__config__', [layoutValue(categories)], { step: 0 });
  }

  /**
   * Settles when all that was recorded so far is in the file.
   *
   * @throws OnliteError ERR_RUN_FAILED where a file cannot be written, now or before.
   */
  async flush(): Promise<void> {
    this.#writeOut();
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }

  /** Writes out and ends the file; later records are an error. */
  async close(): Promise<void> {
    this.#isClosed = true;
    try {
      await this.flush();
    } finally {
      await this.#file?.close();
      this.#file = null;
    }
  }

  #add(tag: string, values: readonly SummaryValue[], options: EventOptions = {}): void {
    if (typeof tag !== 'string' || tag === '') throw invalidArgument('tag', 'a name', tag);
    if (this.#isClosed) {
      throw new OnliteError('ERR_INVALID_ARGUMENT', `${tag}: the writer is closed`);
    }
    const step = options.step ?? (this.#steps.get(tag) ?? -1) + 1;
    if (!Number.isSafeInteger(step)) throw invalidArgument('step', 'a whole number', step);
    this.#steps.set(tag, step);
    const seconds = (options.time?.getTime() ?? Date.now()) / 1000;
    const record = tfRecord(summaryEvent(values, step, seconds));
    const waiting = this.#waitingBytes + this.#leavingBytes;
    // One record always finds room in an empty queue.
    if (this.#failure || (waiting > 0 && waiting + record.byteLength > this.#maxWaitingBytes)) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(record);
    this.#waitingBytes += record.byteLength;
    if (this.#waitingBytes >= FLUSH_BYTES) this.#writeOut();
    else this.#timer ??= setTimeout(() => this.#writeOut(), this.#flushMs).unref();
  }

  #writeOut(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    const records = this.#waiting.length;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#leavingBytes += bytes.byteLength;
    this.#writing = this.#writing.then(async () => {
      await this.#append(bytes, records);
      this.#leavingBytes -= bytes.byteLength;
    });
  }

  async #append(bytes: Buffer, records: number): Promise<void> {
    try {
      if (this.#failure) throw this.#failure;
      this.#file ??= await this.#open();
      await this.#file.appendFile(bytes);
    } catch (error) {
      this.#dropped += records;
      this.#failure ??= new OnliteError(
        'ERR_RUN_FAILED',
        `${this.#path ?? this.#directory}: cannot be written: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  async #open(): Promise<FileHandle> {
    await mkdir(this.#directory, { recursive: true });
    const seconds = Date.now() / 1000;
    const name = `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}.${filesMade++}`;
    this.#path = join(this.#directory, name + this.#suffix);
    const file = await open(this.#path, 'ax');
    await file.appendFile(tfRecord(versionEvent(seconds)));
    return file;
  }
}

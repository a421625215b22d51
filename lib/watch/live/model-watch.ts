import { requireCount } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { requireConfidence } from '../accuracy/live-quality';
import {
  DriftMonitor,
  type BinCounts,
  type DriftOptions,
  type DriftReport,
} from '../drift/drift-monitor';
import { loadParquetWriter } from '../log/parquet';
import { toParquet } from '../log/parquet-thread';
import {
  PayloadEvents,
  type PayloadEventCounts,
  type PayloadEventOptions,
} from '../log/payload-events';
import { Redactor, type RedactionOptions } from '../log/redaction';
import { RotatedFile, type RotationOptions } from '../log/rotated-file';
import { readProfile, requireProfile, type ReferenceProfile } from '../profile/reference-profile';
import { FeatureReader, rowCount, type FeatureOptions } from '../rows/feature-reader';
import {
  PredictionReader,
  type PredictionOptions,
  type WatchedTask,
} from '../rows/prediction-reader';
import type { Prediction, Row, RowTensors } from '../rows/row';
import { Alerts, type AlertRule, type AlertState } from './alerts';
import { ErrorKinds, errorKind, unusualFeatures, type ErrorKind } from './error-kinds';
import { LabelJoin, type JoinCounts, type LabelOptions } from './label-join';
import { OutputHealthCounter, type OutputHealth } from './output-health';
import { RecentFailures } from './recent-failures';
import { QualityWindows, type VersionQuality } from './quality-windows';

export interface PredictionLogOptions extends RotationOptions {
  /** A file of JSON lines. */
  readonly path: string;
  /**
   * `'parquet'`: files that are renamed become Parquet files, on a thread of their own, by the package
   * hyparquet-writer. The one that is written to has JSON lines. Default `'jsonl'`.
   */
  readonly format?: 'jsonl' | 'parquet';
  readonly redact?: RedactionOptions;
}

export interface WatchOptions {
  /** What the model is called in logs and metrics. */
  readonly model: string;
  /** Default `1`; each recorded request may name its own. */
  readonly version?: string;
  /** Share of the requests that are looked at, 0 to 1. Default 1. */
  readonly sample?: number;
  readonly features?: FeatureOptions;
  readonly prediction?: PredictionOptions;
  readonly log?: PredictionLogOptions;
  /** Sends requests and answers whole, as KServe's payload logger does; nothing of them is redacted. */
  readonly events?: PayloadEventOptions;
  /** What to compare with, or the file that it is in (`onlite profile`). */
  readonly profile?: ReferenceProfile | string;
  readonly drift?: DriftOptions;
  readonly labels?: LabelOptions;
  /** How many labelled rows of each version figures are made of. Default 1000. */
  readonly qualityWindow?: number;
  /** Of intervals. Default 0.95. */
  readonly confidence?: number;
  /** By their names. They are looked at with each report, and every 10 seconds. */
  readonly alerts?: Readonly<Record<string, AlertRule>>;
  /** Told of an alert that has become active, or is no more, soon after it was found out. */
  readonly onAlert?: (state: AlertState) => void;
}

/** A request that is about to be run. */
export interface StartedRequest {
  /** By which its label is found later; several rows' labels are `<id>/<row>`. */
  readonly requestId?: string;
  readonly version?: string;
  readonly inputs: RowTensors;
  /** Milliseconds since 1970. Default: now. */
  readonly time?: number;
}

/** How a request ended. */
export interface RequestEnd {
  /** Not there where the run failed. */
  readonly outputs?: RowTensors;
  readonly error?: unknown;
  /** Default: the time since `start`. */
  readonly latencyMs?: number;
}

/** Takes the end of a request that was started. */
export type EndRequest = (end: RequestEnd) => void;

/** Lines of the log. */
export interface LogCounts {
  readonly written: number;
  /** Those that found no room in memory, or that the disk did not take. */
  readonly dropped: number;
  /** Why the disk last did not take one. */
  readonly failure?: string;
}

export interface WatchReport {
  readonly model: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Requests that were looked at, and those that the sample left out. */
  readonly requests: number;
  readonly skipped: number;
  readonly rows: number;
  readonly errors: readonly ErrorKind[];
  readonly outputs: OutputHealth;
  /** Null without a profile, or while there are too few rows. */
  readonly drift: DriftReport | null;
  readonly quality: readonly VersionQuality[];
  readonly labels: JoinCounts;
  readonly alerts: readonly AlertState[];
  readonly log: LogCounts;
  readonly events: PayloadEventCounts;
  /** Requests that could not be understood: what they were is in `lastFailure`. */
  readonly unread: number;
  readonly lastFailure?: string;
}

/** Between two looks at the alerts. */
const LOOK_MS = 10_000;

/** The greatest time that a Date has. */
const LAST_TIME = 8.64e15;

function timeOf({ time = Date.now() }: StartedRequest): number {
  if (Number.isFinite(time) && Math.abs(time) <= LAST_TIME) return time;
  throw invalidArgument('time', 'milliseconds since 1970', time);
}

/** Rows of one request that are read while others wait: each becomes an object or more. */
const MOST_ROWS = 10_000;

/** @throws OnliteError ERR_UNSUPPORTED */
function requireFewRows(rows: number): true {
  if (rows <= MOST_ROWS) return true;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `inputs: ${rows} rows, and of more than ${MOST_ROWS} none is looked at`,
  );
}

const ignore: EndRequest = () => undefined;

/**
 * Watches what a model is asked and what it says. Recording a request never waits for the disk and
 * never throws for what is in the request: what cannot be understood is counted.
 */
export class ModelWatch {
  readonly model: string;
  readonly #version: string;
  readonly #sample: number;
  readonly #features: FeatureReader;
  readonly #predictions: PredictionReader;
  readonly #health = new OutputHealthCounter();
  readonly #errors = new ErrorKinds();
  readonly #quality: QualityWindows;
  readonly #redactor: Redactor;
  readonly #log: RotatedFile | null;
  readonly #events: PayloadEvents | undefined;
  readonly #since = Date.now();
  readonly #recent = new RecentFailures();
  #alerts: Alerts | null = null;
  #timer: NodeJS.Timeout | undefined;
  #profile: ReferenceProfile | null = null;
  #drift: DriftMonitor | null = null;
  #labels: LabelJoin | null = null;
  #task: WatchedTask | undefined;
  #requests = 0;
  #skipped = 0;
  #rows = 0;
  #unread = 0;
  #lastFailure: string | undefined;

  private constructor(options: WatchOptions) {
    const { model, version = '1', sample = 1, qualityWindow = 1000, confidence = 0.95 } = options;
    if (typeof model !== 'string' || model === '') throw invalidArgument('model', 'a name', model);
    if (!(sample >= 0 && sample <= 1))
      throw invalidArgument('sample', 'a share from 0 to 1', sample);
    requireCount(qualityWindow, 'qualityWindow');
    requireConfidence(confidence);
    this.model = model;
    this.#version = version;
    this.#sample = sample;
    this.#features = new FeatureReader(options.features);
    this.#predictions = new PredictionReader(options.prediction);
    if (options.prediction?.task) this.#task = options.prediction.task;
    this.#quality = new QualityWindows(qualityWindow, confidence);
    this.#redactor = new Redactor(options.log?.redact);
    const { log } = options;
    if (log && (typeof log.path !== 'string' || log.path === '')) {
      throw invalidArgument('log.path', 'a path', log.path);
    }
    const format: string = log?.format ?? 'jsonl';
    if (format !== 'jsonl' && format !== 'parquet') {
      throw invalidArgument('log.format', 'jsonl or parquet', format);
    }
    const archive = format === 'parquet' ? toParquet : undefined;
    this.#log = log ? new RotatedFile(log.path, log, archive) : null;
    if (options.events) this.#events = new PayloadEvents(model, options.events);
  }

  /**
   * @throws OnliteError ERR_INVALID_ARGUMENT for wrong options, for a file that is no profile, and for
   *   a journal of labels that cannot be used.
   */
  static async open(options: WatchOptions): Promise<ModelWatch> {
    const watch = new ModelWatch(options);
    const { profile, drift, labels = {}, alerts, onAlert, log } = options;
    if (log?.format === 'parquet') await loadParquetWriter();
    if (profile !== undefined) {
      watch.#profile =
        typeof profile === 'string'
          ? await readProfile(profile)
          : requireProfile(profile, 'profile');
      watch.#drift = new DriftMonitor(watch.#profile, drift);
    } else if (drift !== undefined) {
      throw new OnliteError('ERR_INVALID_ARGUMENT', 'drift: there is no profile to compare with');
    }
    if (alerts !== undefined) watch.#watchAlerts(alerts, onAlert);
    watch.#labels = await LabelJoin.open(labels, (row, label) => {
      watch.#quality.add(row.version, { prediction: row.prediction, label, time: row.time });
    });
    if (alerts !== undefined) {
      watch.#timer = setInterval(() => {
        watch.reportInTurns().catch((error: unknown) => {
          watch.#lastFailure = (error as Error).message;
        });
      }, LOOK_MS);
      watch.#timer.unref();
    }
    return watch;
  }

  /**
   * Begins to record a request: its inputs are read at once, so that they may be changed afterwards.
   *
   * @returns what is to be told how it ended
   */
  start(request: StartedRequest): EndRequest {
    if (this.#sample < 1 && Math.random() >= this.#sample) {
      this.#skipped++;
      return ignore;
    }
    this.#requests++;
    if (this.#guarded(() => requireFewRows(rowCount(request.inputs))) !== true) {
      return ({ outputs }) => this.#recent.add(outputs === undefined);
    }
    const rows = this.#guarded(() => this.#features.read(request.inputs)) ?? [];
    const event = this.#guarded(() =>
      this.#events?.request(request.inputs, request.requestId, timeOf(request)),
    );
    const begin = performance.now();
    return (end) => {
      const latencyMs = end.latencyMs ?? performance.now() - begin;
      this.#guarded(() => this.#end(request, rows, { ...end, latencyMs }));
      if (event === undefined) return;
      const { version = this.#version } = request;
      this.#events?.response(event, { name: this.model, version }, end, Date.now());
    };
  }

  /** A request that has ended. */
  record(request: StartedRequest & RequestEnd): void {
    this.start(request)(request);
  }

  /** What is in a request is nothing to throw for. */
  #guarded<Result>(read: () => Result): Result | undefined {
    try {
      return read();
    } catch (error) {
      this.#unread++;
      this.#lastFailure = (error as Error).message;
      return undefined;
    }
  }

  /**
   * Tells the true label of a request that was recorded: a class as the model numbers or names it, or
   * a number.
   *
   * @returns whether its prediction was still waiting for it
   * @throws OnliteError ERR_INVALID_ARGUMENT for a label that is neither, NaN and Infinity among them.
   */
  label(requestId: string, label: number | string): boolean {
    if (typeof label !== 'string' && !Number.isFinite(label)) {
      throw invalidArgument('label', 'a finite number or a string', label);
    }
    return this.#labels?.label(requestId, label) ?? false;
  }

  /** Whether a prediction waits for the label of such a request. */
  awaits(requestId: string): boolean {
    return this.#labels?.awaits(requestId) ?? false;
  }

  report(): WatchReport {
    return this.#reportWith(this.#drift?.report() ?? null);
  }

  /** The same; comparing takes its time, and other work is done between the features. */
  async reportInTurns(): Promise<WatchReport> {
    return this.#reportWith((await this.#drift?.reportInTurns()) ?? null);
  }

  #reportWith(drift: DriftReport | null): WatchReport {
    const quality = this.#quality.report(this.#task);
    return {
      model: this.model,
      since: this.#since,
      requests: this.#requests,
      skipped: this.#skipped,
      rows: this.#rows,
      errors: this.#errors.kinds,
      outputs: this.#health.counts,
      drift,
      quality,
      labels: this.#labels?.counts ?? { pending: 0, joined: 0, unmatched: 0, expired: 0, lost: 0 },
      alerts: this.#alerts?.look({ quality, drift, recent: this.#recent.counts }) ?? [],
      log: this.#logCounts(),
      events: this.#events?.counts ?? { sent: 0, dropped: 0 },
      unread: this.#unread,
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
    };
  }

  /** How often values fell into the reference's bins, for counters that replicas add up. */
  get bins(): readonly BinCounts[] {
    return this.#drift?.counts ?? [];
  }

  /** Settles when the log and the journal have all that was recorded so far. */
  async flush(): Promise<void> {
    await Promise.all([this.#log?.flush(), this.#labels?.flush(), this.#events?.flush()]);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#log?.close(), this.#labels?.close(), this.#events?.close()]);
  }

  #watchAlerts(
    rules: Readonly<Record<string, AlertRule>>,
    onAlert: ((state: AlertState) => void) | undefined,
  ): void {
    this.#alerts = new Alerts(rules, this.#profile !== null, (state) => {
      // Whoever asks for a report is not to have what goes wrong with who is told.
      if (onAlert) process.nextTick(onAlert, state);
    });
  }

  #end(request: StartedRequest, rows: readonly Row[], end: RequestEnd): void {
    const time = timeOf(request);
    this.#rows += rows.length;
    this.#recent.add(end.outputs === undefined);
    if (end.outputs === undefined) {
      this.#addError(request, rows[0] ?? {}, end.error, time);
      this.#logRows(request, end, time, rows, []);
      return;
    }
    this.#health.add(end.outputs, rowCount(end.outputs));
    this.#task = this.#predictions.taskOf(end.outputs);
    const predictions = this.#predictions.read(end.outputs);
    for (const [index, row] of rows.entries()) this.#drift?.add(row, predictions[index]?.value);
    this.#await(request, time, predictions);
    this.#logRows(request, end, time, rows, predictions);
  }

  #logCounts(): LogCounts {
    if (!this.#log) return { written: 0, dropped: 0 };
    const { written, dropped, failure } = this.#log;
    return { written, dropped, ...(failure ? { failure: failure.message } : {}) };
  }

  #addError({ requestId }: StartedRequest, row: Row, error: unknown, time: number): void {
    this.#errors.add(error, time, {
      ...(requestId === undefined ? {} : { requestId }),
      features: this.#redactor.row(row),
      ...(this.#profile ? { unusual: unusualFeatures(row, this.#profile) } : {}),
    });
  }

  #await(request: StartedRequest, time: number, predictions: readonly Prediction[]): void {
    const { requestId, version = this.#version } = request;
    if (requestId === undefined) return;
    for (const [row, prediction] of predictions.entries()) {
      // A row with NaN says nothing that could be right; `outputs` counts it.
      if (typeof prediction.value === 'number' && !Number.isFinite(prediction.value)) continue;
      const id = predictions.length === 1 ? requestId : `${requestId}/${row}`;
      this.#labels?.predicted({ requestId: id, version, time, prediction });
    }
  }

  #logRows(
    { requestId, version = this.#version }: StartedRequest,
    { latencyMs, error }: RequestEnd,
    time: number,
    rows: readonly Row[],
    predictions: readonly Prediction[],
  ): void {
    for (const [index, row] of rows.entries()) {
      const prediction = predictions[index];
      this.#log?.append(
        JSON.stringify({
          time: new Date(time).toISOString(),
          requestId:
            requestId !== undefined && rows.length > 1 ? `${requestId}/${index}` : requestId,
          model: this.model,
          version,
          features: this.#redactor.row(row),
          prediction: prediction?.value,
          scores: prediction?.scores,
          latencyMs,
          error: error === undefined ? undefined : errorKind(error),
        }),
      );
    }
  }
}

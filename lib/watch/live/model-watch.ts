import { requireCount } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { requireConfidence } from '../accuracy/live-quality';
import {
  DriftMonitor,
  type BinCounts,
  type DriftOptions,
  type DriftReport,
} from '../drift/drift-monitor';
import { LogLines } from '../log/log-line';
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
import {
  FeatureReader,
  MOST_ROWS_READ,
  rowCount,
  rowOf,
  type FeatureOptions,
  type FeatureTable,
} from '../rows/feature-reader';
import {
  PredictionReader,
  type PredictionOptions,
  type WatchedTask,
} from '../rows/prediction-reader';
import type { Prediction, Row, RowTensors } from '../rows/row';
import { LeftOut } from '../sample/left-out';
import {
  costOf,
  RequestSampler,
  type SampleOptions,
  type SkippedRequests,
} from '../sample/request-sampler';
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

export interface WatchOptions extends SampleOptions {
  /** What the model is called in logs and metrics. */
  readonly model: string;
  /** Default `1`; each recorded request may name its own. */
  readonly version?: string;
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
  /** How many requests this is one of, where somebody else has sampled them. Default: the watch does. */
  readonly weight?: number;
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
  /** Of those that were looked at. */
  readonly rows: number;
  /** Of all requests; examples have features where they were looked at. */
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

/** @throws OnliteError ERR_UNSUPPORTED */
function requireFewRows(rows: number): true {
  if (rows <= MOST_ROWS_READ) return true;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `inputs: ${rows} rows, and of more than ${MOST_ROWS_READ} none is looked at`,
  );
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for what nothing can stand for */
function weightOf({ weight = 1 }: StartedRequest): number {
  if (weight === 0 || (Number.isFinite(weight) && weight >= 1)) return weight;
  throw invalidArgument('weight', '0, or how many requests it is one of', weight);
}

/** What is known of a request that is looked at when it has ended. */
interface Looked {
  readonly weight: number;
  readonly table: FeatureTable;
  readonly latencyMs: number;
}

const NOTHING: FeatureTable = { names: [], rows: 0, values: [] };
const NO_LABELS = { pending: 0, joined: 0, unmatched: 0, unsampled: 0, expired: 0, lost: 0 };

/** Of a run that failed with nothing. */
const UNKNOWN = 'not known';

/**
 * Watches what a model is asked and what it says. Recording a request never waits for the disk and
 * never throws for what is in the request: what cannot be understood is counted.
 */
export class ModelWatch {
  readonly model: string;
  readonly #version: string;
  readonly #sampler: RequestSampler;
  readonly #leftOut = new LeftOut();
  readonly #features: FeatureReader;
  readonly #predictions: PredictionReader;
  readonly #health = new OutputHealthCounter();
  readonly #errors = new ErrorKinds();
  readonly #quality: QualityWindows;
  readonly #redactor: Redactor;
  readonly #lines: LogLines;
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
    const { model, version = '1', qualityWindow = 1000, confidence = 0.95 } = options;
    if (typeof model !== 'string' || model === '') throw invalidArgument('model', 'a name', model);
    requireCount(qualityWindow, 'qualityWindow');
    requireConfidence(confidence);
    this.model = model;
    this.#version = version;
    this.#sampler = new RequestSampler(options);
    this.#features = new FeatureReader(options.features);
    this.#predictions = new PredictionReader(options.prediction);
    if (options.prediction?.task) this.#task = options.prediction.task;
    this.#quality = new QualityWindows(qualityWindow, confidence);
    this.#redactor = new Redactor(options.log?.redact);
    this.#lines = new LogLines(model, this.#redactor);
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
      const { version, prediction, time, weight = 1 } = row;
      watch.#quality.add(version, { prediction, label, time, weight });
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
    const isOwn = request.weight === undefined;
    const weight = isOwn
      ? this.#sampler.next(request.time)
      : this.#guarded(() => weightOf(request));
    if (weight === undefined) return () => undefined;
    if (weight === 0) {
      return ({ outputs, error }) => {
        this.#sampler.passed(request.requestId, outputs ? undefined : (error ?? UNKNOWN));
        if (this.#sampler.isFull) this.#settle();
      };
    }
    this.#requests++;
    if (this.#guarded(() => requireFewRows(rowCount(request.inputs))) !== true) {
      return (end) => this.#endUnread(request, end);
    }
    const table = this.#guarded(() => this.#features.table(request.inputs)) ?? NOTHING;
    const event = this.#events && this.#guarded(() => this.#sendRequest(request));
    if (event === undefined) this.#events?.pass();
    const cost = isOwn ? costOf(request.inputs) : 0;
    const begin = performance.now();
    return (end) => {
      const latencyMs = end.latencyMs ?? performance.now() - begin;
      this.#guarded(() => this.#end(request, { weight, table, latencyMs }, end));
      if (isOwn) this.#sampler.count(Math.max(cost, costOf({}, end.outputs)));
      if (event === undefined) return;
      const { version = this.#version } = request;
      this.#events?.response(event, { name: this.model, version }, end, Date.now());
    };
  }

  #sendRequest(request: StartedRequest): string | undefined {
    return this.#events?.request(request.inputs, request.requestId, timeOf(request));
  }

  /** One whose rows are too many still fails or does not. */
  #endUnread(request: StartedRequest, { outputs, error = UNKNOWN }: RequestEnd): void {
    const { requestId, time = Date.now() } = request;
    this.#events?.pass();
    this.#recent.add(outputs === undefined);
    if (outputs !== undefined) return;
    this.#errors.add(error, time, { ...(requestId === undefined ? {} : { requestId }) });
  }

  /** A request that has ended. */
  record(request: StartedRequest & RequestEnd): void {
    this.start(request)(request);
  }

  /** Requests that somebody else has left out: those that failed are counted, labels of theirs told apart. */
  skip({ count, ids, errors }: SkippedRequests): void {
    this.#skipped += count;
    this.#leftOut.add(ids);
    this.#recent.addAll(count, Math.min(errors.length, count));
    for (const { error, time } of errors) this.#errors.add(error, time);
  }

  #settle(): void {
    const skipped = this.#sampler.takeSkipped();
    if (skipped) this.skip(skipped);
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
    return this.#labels?.label(requestId, label, () => this.leftOut(requestId)) ?? false;
  }

  /** Whether such a request is one of those that were not looked at lately, as far as it is known. */
  leftOut(requestId: string): boolean {
    this.#settle();
    return this.#leftOut.has(requestId);
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
    this.#settle();
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
      labels: this.#labels?.counts ?? NO_LABELS,
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

  #end(request: StartedRequest, looked: Looked, end: RequestEnd): void {
    const time = timeOf(request);
    const { weight, table } = looked;
    this.#rows += table.rows;
    this.#recent.add(end.outputs === undefined);
    if (end.outputs === undefined) {
      this.#addError(request, table.rows > 0 ? rowOf(table, 0) : {}, end.error, time);
      this.#logRows(request, looked, end.error, time, []);
      return;
    }
    this.#health.add(end.outputs, rowCount(end.outputs), weight);
    this.#task = this.#predictions.taskOf(end.outputs);
    const predictions = this.#predictions.read(end.outputs);
    if (this.#drift) {
      for (let row = 0; row < table.rows; row++) {
        this.#drift.addOf(table, row, predictions[row]?.value, weight);
      }
    }
    this.#await(request, time, predictions, weight);
    this.#logRows(request, looked, end.error, time, predictions);
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

  #await(
    request: StartedRequest,
    time: number,
    predictions: readonly Prediction[],
    weight: number,
  ): void {
    const { requestId, version = this.#version } = request;
    if (requestId === undefined) return;
    for (const [row, prediction] of predictions.entries()) {
      // A row with NaN says nothing that could be right; `outputs` counts it.
      if (typeof prediction.value === 'number' && !Number.isFinite(prediction.value)) continue;
      const id = predictions.length === 1 ? requestId : `${requestId}/${row}`;
      this.#labels?.predicted({ requestId: id, version, time, prediction, weight });
    }
  }

  #logRows(
    { requestId, version = this.#version }: StartedRequest,
    { weight, table, latencyMs }: Looked,
    error: unknown,
    time: number,
    predictions: readonly Prediction[],
  ): void {
    if (!this.#log) return;
    const kind = error === undefined ? undefined : errorKind(error);
    for (let row = 0; row < table.rows; row++) {
      const id = requestId !== undefined && table.rows > 1 ? `${requestId}/${row}` : requestId;
      const of = { requestId: id, version, time, latencyMs, error: kind, weight };
      this.#log.append(this.#lines.line(of, table, row, predictions[row]));
    }
  }
}

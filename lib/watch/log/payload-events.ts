import { randomUUID } from 'node:crypto';

import { requireCount } from '../../checks';
import { invalidArgument } from '../../errors';
import { tensorsOf, type RowTensors } from '../rows/row';

/** How KServe's payload logger is imitated, of the requests that are looked at: of all with `sample: 1`. */
export interface PayloadEventOptions {
  /** Where events are posted, `http:` or `https:`, without a password: `headers` have what is secret. */
  readonly url: string;
  /** Which of them. Default `all`. */
  readonly mode?: 'all' | 'request' | 'response';
  /** `Ce-Source`. Default `http://localhost/`, as KServe's own where it is not told. */
  readonly source?: string;
  /** The extension attributes. Default: the model's name, `default`, `predictor` and `default`. */
  readonly inferenceService?: string;
  readonly namespace?: string;
  readonly component?: string;
  readonly endpoint?: string;
  /** Headers besides, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Tensors with more elements in a request, or an answer, are not sent: writing them takes its time. Default 10,000. */
  readonly maxElements?: number;
  /** Events that wait to be sent; more are dropped and counted. Default 100, as KServe's. */
  readonly maxWaiting?: number;
  /** Bytes of the bodies that wait or are on their way. Default 16 MiB. */
  readonly maxWaitingBytes?: number;
  /** Milliseconds for one event. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Events of a model. */
export interface PayloadEventCounts {
  readonly sent: number;
  /** Those that found no room, were too large, or were not taken. */
  readonly dropped: number;
  /** Why one was last not taken. */
  readonly failure?: string;
}

const REQUEST = 'org.kubeflow.serving.inference.request';
const RESPONSE = 'org.kubeflow.serving.inference.response';

/** Events that are on their way at a time. */
const AT_A_TIME = 4;

/** How long closing waits for those that are on their way or wait, in milliseconds. */
const CLOSING_MS = 2000;

/** The Open Inference Protocol's names of element types. */
const DATATYPES: Readonly<Record<string, string>> = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  bfloat16: 'BF16',
  bool: 'BOOL',
  string: 'BYTES',
};

/** Stands for what is secret. */
const HIDDEN = '…';

const datatypeOf = (type: string): string => DATATYPES[type] ?? type.toUpperCase();

interface PayloadEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly body: Buffer<ArrayBuffer>;
}

const printed = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : value;

/** @throws OnliteError ERR_INVALID_ARGUMENT, without what may be secret of it */
function requireUrl(url: unknown): void {
  const expected = 'a URL of http: or https:';
  if (typeof url !== 'string' || !URL.canParse(url)) {
    const isSecret = typeof url === 'string' && url.includes('@');
    throw invalidArgument('events.url', expected, isSecret ? HIDDEN : url);
  }
  const { protocol, host, username, password } = new URL(url);
  if (username !== '' || password !== '') {
    // fetch would refuse it at each event, and say it whole.
    const got = `${protocol}//${HIDDEN}@${host}`;
    throw invalidArgument('events.url', `${expected} without a user; events.headers have it`, got);
  }
  if (!/^https?:$/.test(protocol)) throw invalidArgument('events.url', expected, url);
}

/** What HTTP has a form for. */
const isPrintable = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x20-\x7e]*$/.test(value);

/** Those of the connection, which fetch refuses, or says itself. */
const OF_THE_CONNECTION =
  /^(?:connection|content-length|expect|keep-alive|transfer-encoding|upgrade)$/i;

/** @throws OnliteError ERR_INVALID_ARGUMENT for those that would fail each event, without their values */
function headersOf(given: unknown = {}): Headers {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidArgument('events.headers', 'an object of names and values', given);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(given as Record<string, unknown>)) {
    const path = `events.headers.${name}`;
    if (!isPrintable(value)) {
      const got = typeof value === 'string' ? HIDDEN : value;
      throw invalidArgument(path, 'printable ASCII', got);
    }
    try {
      if (OF_THE_CONNECTION.test(name)) throw new TypeError();
      headers.set(name, value);
    } catch {
      throw invalidArgument(path, 'a name of a header that can be sent', name);
    }
  }
  return headers;
}

/**
 * Sends what a model is asked and what it answers as KServe's payload logger does: CloudEvents 1.0 in
 * binary mode over HTTP, each with a body of the Open Inference Protocol in JSON. Nobody waits for
 * them, and one that is not taken is not sent again.
 *
 * @see https://github.com/kserve/kserve/blob/master/pkg/logger/worker.go
 */
export class PayloadEvents {
  readonly #url: string;
  readonly #wants: ReadonlySet<string>;
  readonly #headers: Headers;
  readonly #maxElements: number;
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  readonly #timeoutMs: number;
  #waiting: PayloadEvent[] = [];
  #bytes = 0;
  /** Each with what ends it. */
  readonly #underWay = new Map<Promise<void>, AbortController>();
  #sent = 0;
  #dropped = 0;
  #failure: string | undefined;
  #isClosed = false;

  /** @throws OnliteError ERR_INVALID_ARGUMENT for wrong options */
  constructor(model: string, options: PayloadEventOptions) {
    const { url, mode = 'all', maxElements = 10_000, maxWaiting = 100 } = options;
    const { timeoutMs = 10_000, maxWaitingBytes = 16 << 20 } = options;
    requireUrl(url);
    if (!['all', 'request', 'response'].includes(mode)) {
      throw invalidArgument('events.mode', 'all, request or response', mode);
    }
    requireCount(maxElements, 'events.maxElements');
    requireCount(maxWaiting, 'events.maxWaiting');
    requireCount(maxWaitingBytes, 'events.maxWaitingBytes');
    requireCount(timeoutMs, 'events.timeoutMs');
    this.#url = url;
    this.#wants = new Set([
      ...(mode === 'response' ? [] : [REQUEST]),
      ...(mode === 'request' ? [] : [RESPONSE]),
    ]);
    this.#headers = headersOf(options.headers);
    this.#headers.set('Content-Type', 'application/json');
    this.#headers.set('Ce-Specversion', '1.0');
    const { source = 'http://localhost/', inferenceService = model } = options;
    const { namespace = 'default', component = 'predictor', endpoint = 'default' } = options;
    const attributes = { source, inferenceService, namespace, component, endpoint };
    for (const [name, value] of Object.entries(attributes)) {
      if (!isPrintable(value)) throw invalidArgument(`events.${name}`, 'printable ASCII', value);
      this.#headers.set(
        name === 'inferenceService' ? 'Ce-Inferenceservicename' : `Ce-${name}`,
        value,
      );
    }
    this.#maxElements = maxElements;
    this.#maxWaiting = maxWaiting;
    this.#maxWaitingBytes = maxWaitingBytes;
    this.#timeoutMs = timeoutMs;
  }

  get counts(): PayloadEventCounts {
    const failure = this.#failure === undefined ? {} : { failure: this.#failure };
    return { sent: this.#sent, dropped: this.#dropped, ...failure };
  }

  /**
   * A request that is about to be run.
   *
   * @returns the id by which its answer is sent
   */
  request(inputs: RowTensors, requestId: string | undefined, time: number): string {
    const id = requestId ?? randomUUID();
    this.#add(REQUEST, id, time, () => ({ id, inputs: this.#tensors(inputs) }));
    return id;
  }

  /** A request of which nothing is sent, nor of its answer. */
  pass(): void {
    this.#dropped += this.#wants.size;
  }

  /** What was answered, or the error. */
  response(
    id: string,
    model: { readonly name: string; readonly version: string },
    { outputs, error }: { readonly outputs?: RowTensors | undefined; readonly error?: unknown },
    time: number,
  ): void {
    const about = { model_name: model.name, model_version: model.version, id };
    this.#add(RESPONSE, id, time, () =>
      outputs === undefined
        ? { ...about, error: error instanceof Error ? error.message : String(error) }
        : { ...about, outputs: this.#tensors(outputs) },
    );
  }

  #tensors(tensors: RowTensors): object[] {
    return tensorsOf(tensors).map(([name, { type, dims, data }]) => {
      if (data.length > this.#maxElements) {
        throw new RangeError(`${name} has ${data.length} elements, more than are sent`);
      }
      return { name, shape: dims, datatype: datatypeOf(type), data: Array.from(data) };
    });
  }

  #add(type: string, id: string, time: number, body: () => object): void {
    if (!this.#wants.has(type)) return;
    if (this.#isClosed || this.#waiting.length >= this.#maxWaiting) {
      this.#dropped += 1;
      return;
    }
    try {
      const text = Buffer.from(JSON.stringify(body(), printed));
      if (this.#bytes + text.length > this.#maxWaitingBytes) {
        this.#dropped += 1;
        return;
      }
      this.#waiting.push({ id, type, time: new Date(time).toISOString(), body: text });
      this.#bytes += text.length;
    } catch (error) {
      this.#lose(error);
      return;
    }
    this.#send();
  }

  #send(): void {
    while (this.#underWay.size < AT_A_TIME) {
      const event = this.#waiting.shift();
      if (event === undefined) return;
      // One for each: what ends them all would keep each that ever was.
      const ending = new AbortController();
      const posted: Promise<void> = this.#post(event, ending).finally(() => {
        this.#underWay.delete(posted);
        this.#bytes -= event.body.length;
        this.#send();
      });
      this.#underWay.set(posted, ending);
    }
  }

  async #post({ id, type, time, body }: PayloadEvent, ending: AbortController): Promise<void> {
    const late = setTimeout(() => {
      ending.abort(new Error(`not taken within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    late.unref();
    try {
      const headers = new Headers(this.#headers);
      // KServe percent-encodes nothing; CloudEvents' binding of HTTP does what is not printable.
      headers.set('Ce-Id', id.replace(/[^\x21-\x7e]|[%"]/gu, encodeURIComponent));
      headers.set('Ce-Type', type);
      headers.set('Ce-Time', time);
      const response = await fetch(this.#url, {
        method: 'POST',
        headers,
        body,
        redirect: 'error',
        signal: ending.signal,
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      this.#sent += 1;
    } catch (error) {
      this.#lose(error);
    } finally {
      clearTimeout(late);
    }
  }

  #lose(error: unknown): void {
    this.#dropped += 1;
    const { message, cause } = error as Error;
    this.#failure = cause instanceof Error ? `${message}: ${cause.message}` : message;
  }

  /** Settles when all events so far were sent or dropped. */
  async flush(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.race(this.#underWay.keys());
  }

  /** Gives what waits and is on its way two seconds; what was not taken by then is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const late = setTimeout(() => {
      this.#giveUp();
    }, CLOSING_MS);
    await this.flush();
    clearTimeout(late);
  }

  #giveUp(): void {
    for (const { body } of this.#waiting) this.#bytes -= body.length;
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
    const why = new Error('closed before it was taken');
    for (const ending of this.#underWay.values()) ending.abort(why);
  }
}

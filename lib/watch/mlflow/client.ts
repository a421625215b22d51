import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';

import { abortError } from '../../abort';
import { OnliteError, invalidArgument } from '../../errors';

export interface MlflowOptions {
  /**
   * Where the tracking server is, `http:` or `https:`, with a user and password where it wants them and
   * there is no token. Default: MLFLOW_TRACKING_URI.
   */
  readonly trackingUri?: string;
  /** A bearer token. Default: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD. */
  readonly token?: string;
  /** How long one request may take, in milliseconds. Default 30,000; files may take ten times that. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A version of a registered model. */
export interface MlflowModelVersion {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly run_id?: string;
  readonly status?: string;
}

export interface MlflowRun {
  readonly runId: string;
  readonly artifactUri: string;
}

export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: number;
  /** Default 0. */
  readonly step?: number;
}

/** A file or folder below an artefacts' place. */
export interface MlflowFile {
  /** Relative to what was listed. */
  readonly path: string;
  readonly is_dir: boolean;
  readonly file_size?: number;
}

type Answer = Readonly<Record<string, unknown>>;

/** What `runs/log-batch` takes at most, of metrics and of parameters. */
const MOST_METRICS = 1000;
const MOST_PARAMETERS = 100;
const LONGEST_PARAMETER = 6000;

function environment(name: string): string | undefined {
  const value = Object.hasOwn(process.env, name) ? process.env[name] : undefined;
  return value === '' ? undefined : value;
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

/** @param own - user and password of the address, which go before those of the environment */
function authorization(
  own: string | undefined,
  token = environment('MLFLOW_TRACKING_TOKEN'),
): string | undefined {
  if (token !== undefined) return `Bearer ${token}`;
  if (own !== undefined) return basic(own);
  const user = environment('MLFLOW_TRACKING_USERNAME');
  if (user === undefined) return undefined;
  return basic(`${user}:${environment('MLFLOW_TRACKING_PASSWORD') ?? ''}`);
}

/**
 * The address without its user and password, which no message is to show, and `user:password`.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
function addressOf(uri: unknown): { base: string; pair: string | undefined } {
  const path = 'trackingUri';
  if (uri === undefined) throw invalidArgument(path, 'an address, or MLFLOW_TRACKING_URI', uri);
  const shown = typeof uri === 'string' ? uri.replace(/^([a-z]+:\/\/)?.*@/is, '$1…@') : uri;
  const isWeb = typeof uri === 'string' && /^https?:\/\//.test(uri) && URL.canParse(uri);
  if (!isWeb) throw invalidArgument(path, 'an address of http: or https:', shown);
  const url = new URL(uri);
  const { username, password } = url;
  if (username === '' && password === '') return { base: trimmed(uri), pair: undefined };
  url.username = '';
  url.password = '';
  try {
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { base: trimmed(url.href), pair };
  } catch {
    throw invalidArgument(path, 'user and password in percent-encoding', shown);
  }
}

const trimmed = (address: string): string => address.replace(/\/+$/, '');

/** A name as MLflow allows it: letters, digits, `_`, `-`, `.`, spaces and slashes. */
export const mlflowKey = (name: string): string => name.replace(/[^\w\-./ ]/g, '_').slice(0, 250);

/**
 * MLflow's REST API, version 2.0, as far as onlite uses it: registered models, runs and artefacts that
 * the tracking server serves.
 *
 * @throws OnliteError of all methods: ERR_RUN_FAILED where the server cannot be reached or refuses,
 *   with its own words; ERR_MODEL_NOT_FOUND for what it does not have; ERR_TIMEOUT; ERR_CANCELLED.
 */
export class MlflowClient {
  /** Without user and password. */
  readonly trackingUri: string;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  /** @throws OnliteError ERR_INVALID_ARGUMENT for no address, or one that is not http: or https: */
  constructor(options: MlflowOptions = {}) {
    const { base, pair } = addressOf(options.trackingUri ?? environment('MLFLOW_TRACKING_URI'));
    this.trackingUri = base;
    this.#authorization = authorization(pair, options.token);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    if (!(this.#timeoutMs > 0)) throw invalidArgument('timeoutMs', 'milliseconds', this.#timeoutMs);
    this.#signal = options.signal;
  }

  async modelVersionByAlias(name: string, alias: string): Promise<MlflowModelVersion> {
    const { model_version: found } = await this.#get('registered-models/alias', { name, alias });
    if (isVersion(found)) return found;
    throw unexpected(`models:/${name}@${alias}`, 'a version of a model', found);
  }

  /** The version with the greatest number. */
  async latestModelVersion(name: string): Promise<MlflowModelVersion> {
    const filter = `name='${name.replaceAll("'", "''")}'`;
    const query = { filter, order_by: 'version_number DESC', max_results: '1' };
    const { model_versions: found = [] } = await this.#get('model-versions/search', query);
    const [latest] = listOf(isVersion, found, `models:/${name}`);
    if (latest) return latest;
    throw new OnliteError('ERR_MODEL_NOT_FOUND', `models:/${name}: no version is registered`);
  }

  /** Where a version's files are, as an address of artefacts. */
  async downloadUri(name: string, version: string): Promise<string> {
    const query = { name, version };
    const { artifact_uri: uri } = await this.#get('model-versions/get-download-uri', query);
    if (typeof uri === 'string') return uri;
    throw unexpected(`models:/${name}/${version}`, 'an address of artefacts', uri);
  }

  /** Begins a run in an experiment, which is made if it is not there. */
  async startRun(
    experiment: string,
    { name, tags = {} }: { readonly name?: string; readonly tags?: Record<string, string> } = {},
  ): Promise<MlflowRun> {
    const { run } = await this.#post('runs/create', {
      experiment_id: await this.#experiment(experiment),
      start_time: Date.now(),
      ...(name === undefined ? {} : { run_name: name }),
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    const info = isObject(run) && isObject(run['info']) ? run['info'] : {};
    const { run_id: runId, artifact_uri: artifactUri } = info;
    if (typeof runId === 'string' && typeof artifactUri === 'string') return { runId, artifactUri };
    throw unexpected('runs/create', 'a run', run);
  }

  /** Metrics that are not finite are left out: JSON has none. */
  async logMetrics({ runId }: MlflowRun, metrics: readonly MlflowMetric[]): Promise<void> {
    const finite = metrics
      .filter(({ value }) => Number.isFinite(value))
      .map(({ key, value, timestamp = Date.now(), step = 0 }) => {
        return { key: mlflowKey(key), value, timestamp: Math.round(timestamp), step };
      });
    for (let first = 0; first < finite.length; first += MOST_METRICS) {
      const some = finite.slice(first, first + MOST_METRICS);
      await this.#post('runs/log-batch', { run_id: runId, metrics: some });
    }
  }

  async logParameters(
    { runId }: MlflowRun,
    parameters: Readonly<Record<string, string | number | boolean>>,
  ): Promise<void> {
    const all = Object.entries(parameters).map(([key, value]) => {
      return { key: mlflowKey(key), value: String(value).slice(0, LONGEST_PARAMETER) };
    });
    for (let first = 0; first < all.length; first += MOST_PARAMETERS) {
      const params = all.slice(first, first + MOST_PARAMETERS);
      await this.#post('runs/log-batch', { run_id: runId, params });
    }
  }

  async endRun({ runId }: MlflowRun, status: 'FINISHED' | 'FAILED' = 'FINISHED'): Promise<void> {
    await this.#post('runs/update', { run_id: runId, status, end_time: Date.now() });
  }

  /** @param path - where the file is put among the run's artefacts */
  async logArtifact({ artifactUri }: MlflowRun, file: string, path: string): Promise<void> {
    const { size } = await stat(file);
    await this.#send('PUT', this.#artifactUrl(artifactUri, path), {
      // A stream, so that a model need not fit into memory.
      body: Readable.toWeb(createReadStream(file)) as RequestInit['body'],
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
      timeoutMs: 10 * this.#timeoutMs,
    });
  }

  /** The files and folders right below a place of artefacts. */
  async listArtifacts(artifactUri: string, below = ''): Promise<readonly MlflowFile[]> {
    const url = new URL(this.#artifactUrl('mlflow-artifacts:/', ''));
    url.searchParams.set('path', joined(artifactPath(artifactUri), below));
    const { files = [] } = await this.#ask('GET', url.href);
    return listOf(isFile, files, artifactUri);
  }

  /** Writes one artefact into a file that is not there yet. */
  async downloadArtifact(artifactUri: string, path: string, file: string): Promise<void> {
    const timeoutMs = 10 * this.#timeoutMs;
    const response = await this.#send('GET', this.#artifactUrl(artifactUri, path), { timeoutMs });
    const handle = await open(file, 'wx');
    try {
      for await (const chunk of response.body ?? []) await handle.write(chunk as Uint8Array);
    } catch (error) {
      throw this.#failure(`download ${path}`, error);
    } finally {
      await handle.close();
    }
  }

  #artifactUrl(artifactUri: string, path: string): string {
    const words = joined(artifactPath(artifactUri), path).split('/').map(encodeURIComponent);
    const base = `${this.trackingUri}/api/2.0/mlflow-artifacts/artifacts`;
    return words.join('/') === '' ? base : `${base}/${words.join('/')}`;
  }

  async #experiment(name: string): Promise<string> {
    const query = { experiment_name: name };
    const found = await this.#get('experiments/get-by-name', query).catch((error: unknown) => {
      if (error instanceof OnliteError && error.code === 'ERR_MODEL_NOT_FOUND') return undefined;
      throw error;
    });
    const made = found?.['experiment'] ?? (await this.#post('experiments/create', { name }));
    if (isObject(made) && typeof made['experiment_id'] === 'string') return made['experiment_id'];
    throw unexpected(`the experiment ${name}`, 'its number', made);
  }

  async #get(path: string, query: Record<string, string>): Promise<Answer> {
    const url = `${this.trackingUri}/api/2.0/mlflow/${path}?${new URLSearchParams(query).toString()}`;
    return this.#ask('GET', url);
  }

  async #post(path: string, body: object): Promise<Answer> {
    return this.#ask('POST', `${this.trackingUri}/api/2.0/mlflow/${path}`, {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  }

  async #ask(
    method: string,
    url: string,
    request: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const response = await this.#send(method, url, request);
    const what = `${method} ${new URL(url).pathname}`;
    const text = await response.text().catch((error: unknown) => {
      throw this.#failure(what, error);
    });
    const value = parsed(text);
    if (isObject(value)) return value;
    throw unexpected(what, 'an object in JSON', value ?? text.slice(0, 200));
  }

  async #send(
    method: string,
    url: string,
    {
      timeoutMs = this.#timeoutMs,
      headers = {},
      body,
    }: { timeoutMs?: number; headers?: Record<string, string>; body?: RequestInit['body'] } = {},
  ): Promise<Response> {
    const what = `${method} ${new URL(url).pathname}`;
    const timeout = AbortSignal.timeout(timeoutMs);
    const request: RequestInit & { duplex?: 'half' } = {
      method,
      signal: this.#signal ? AbortSignal.any([this.#signal, timeout]) : timeout,
      headers: {
        ...headers,
        ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
      },
      ...(body === undefined ? {} : { body, duplex: 'half' as const }),
    };
    const response = await fetch(url, request)
      .catch((error: unknown) => {
        // The server may have closed a connection that was idle; asking again changes nothing.
        if (method !== 'GET' || request.signal?.aborted === true) throw error;
        return fetch(url, request);
      })
      .catch((error: unknown) => {
        throw this.#failure(what, error);
      });
    if (response.ok) return response;
    const words = (await response.text().catch(() => '')).slice(0, 2000);
    // Of an alias that is not there MLflow says 400, and so in words alone.
    const isMissing =
      response.status === 404 || /RESOURCE_DOES_NOT_EXIST|alias \S+ not found/.test(words);
    throw new OnliteError(
      isMissing ? 'ERR_MODEL_NOT_FOUND' : 'ERR_RUN_FAILED',
      `MLflow ${what}: ${response.status} ${messageOf(words)}`,
    );
  }

  #failure(what: string, error: unknown): OnliteError {
    if (this.#signal?.aborted === true) return abortError(this.#signal.reason, `MLflow ${what}`);
    const { name, message, cause } = error as Error;
    if (name === 'TimeoutError') return abortError(error, `MLflow ${what}`);
    const reason = cause instanceof Error ? cause.message : message;
    const text = `MLflow ${what}: ${this.trackingUri} does not answer: ${reason}`;
    return new OnliteError('ERR_RUN_FAILED', text, { cause: error });
  }
}

const isObject = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isVersion = (value: unknown): value is MlflowModelVersion =>
  isObject(value) && 'version' in value;

const isFile = (value: unknown): value is MlflowFile =>
  isObject(value) && typeof value['path'] === 'string';

function listOf<Value>(
  isIt: (value: unknown) => value is Value,
  values: unknown,
  what: string,
): readonly Value[] {
  if (Array.isArray(values) && values.every(isIt)) return values;
  throw unexpected(what, 'a list', values);
}

/** That a server says something else than MLflow does. */
export function unexpected(what: string, expected: string, got: unknown): OnliteError {
  const shown = got === undefined ? 'nothing' : JSON.stringify(got).slice(0, 200);
  return new OnliteError('ERR_RUN_FAILED', `MLflow ${what}: expected ${expected}, got ${shown}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function messageOf(words: string): string {
  const value = parsed(words);
  return isObject(value) && typeof value['message'] === 'string' ? value['message'] : words;
}

const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join('/');

/** The path on the tracking server of an address of artefacts that it serves. */
function artifactPath(uri: string): string {
  const found = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*)$/.exec(uri)?.[1];
  if (found !== undefined) return found;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `${uri}: only artefacts that the tracking server serves (mlflow-artifacts:) can be reached`,
  );
}

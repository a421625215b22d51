import { lookup } from 'node:dns/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';

import { openServerSocket } from 'onlite';

import { Access, type ApiKey } from './access';
import { BodyBudget, sharedBudget } from './body-budget';
import { GrpcServer } from './grpc/server';
import { admission } from './http/admission';
import { createHandler, type HandlerSettings, type HttpHandler } from './http/handler';
import { RouteTable } from './http/paths';
import { close, createHttpServer, type HttpTimeouts, type WebServer } from './http/server';
import { listen, setTls } from './sockets';
import {
  ConfigError,
  FIXED_SETTINGS,
  effectiveConfig,
  followed,
  type EffectiveConfig,
} from './config';
import type { CloseOptions, DrainOptions } from './close-options';
import { ManagementServer } from './manage/server';
import { checkSource, ModelError, ModelRepository, type ModelSource, type Watches } from './models';
import { secureContext, type TlsOptions } from './tls';
import { RequestCounts, Transport, metricsPages, sharedRequestCounts } from './metrics';
import { Observer } from './observe/observer';
import { checkObserveOptions } from './observe/options';
import { fastifyPlugin, type FastifyPlugin } from './mount/fastify';
import { Mount, type MountOptions } from './mount/mount';
import {
  ConfiguredModels,
  FileSource,
  FolderWatch,
  ModelManager,
  TrafficBook,
  checkConfigured,
  readState,
  type FolderOptions,
  type ManagedModel,
} from './rollout';
import type { ConfigSource, Reloaded, ServerOptions } from './server-options';
import { statusPages } from './status/pages';
import { threadOptions } from './threads/messages';
import { ThreadPool } from './threads/pool';
import { LocalWatches, type AlertTold, type WatchOverview } from './watch/local-watches';
import { protocols } from './wire';
import type { ModelControl, TakeLabels, WireContext } from './wire/route';

/** Filled in when the package is built. */
declare const ONLITE_VERSION: string;

/** What a server is within another: one of its threads. */
interface ThreadOf {
  readonly thread: number;
  readonly threads: number;
  readonly control: ModelControl;
  readonly watches: Watches;
  readonly label: TakeLabels;
  readonly watched: () => Promise<WatchOverview>;
  readonly managed: () => Promise<readonly ManagedModel[]>;
  /** What requests are counted in. */
  readonly counts: SharedArrayBuffer;
  readonly bodies: SharedArrayBuffer;
}

/** Serves models over HTTP, by itself or mounted in another server. */
export class ModelServer implements AsyncDisposable {
  readonly models: ModelRepository;
  /** What the bodies of requests may hold. @internal */
  readonly bodies: BodyBudget;
  readonly #settings: HandlerSettings;
  readonly #handler: HttpHandler;
  readonly #mount: Mount;
  readonly #timeouts: HttpTimeouts | undefined;
  readonly #maxConnections: number;
  /** Changes which versions are served and who has which. */
  readonly manager: ModelManager;
  readonly #book: TrafficBook;
  readonly #files: FileSource;
  readonly #folders: FolderWatch[] = [];
  readonly #configured: ConfiguredModels;
  #configSource: ConfigSource | undefined;
  #config: EffectiveConfig | undefined;
  #reloading: Promise<unknown> = Promise.resolve();
  #management: ManagementServer | undefined;
  #isClosing = false;
  #server: WebServer | undefined;
  #tls: TlsOptions | undefined;
  #grpc: GrpcServer | undefined;
  readonly #context: WireContext;

  #pool: ThreadPool | undefined;
  readonly #access: Access | undefined;
  readonly #observer: Observer;
  readonly #statusPages: ReturnType<typeof statusPages>;

  constructor(options: ServerOptions = {}) {
    const of = threadOf;
    const { workers = 1 } = options;
    if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
      throw new RangeError(`options.workers: expected 1 to ${MAX_WORKERS}, got ${workers}`);
    }
    checkObserveOptions(options);
    this.models = new ModelRepository(options, of?.threads ?? workers, of?.thread);
    const memory = of?.counts ?? sharedRequestCounts(workers);
    const counts = new RequestCounts(memory, of?.thread ?? 0);
    const { log, accessLog = 0, audit, metricsNames = 'onlite' } = options;
    this.#observer = new Observer({ counts, log, accessLog, audit });
    this.#access = options.access && new Access(options.access);
    const { models } = this;
    const watches = new LocalWatches(alertsTo(log), () => models.loaded(), workers);
    models.watches = of?.watches ?? watches;
    const { stateFile, onChange = () => undefined } = options;
    this.#book = new TrafficBook(models);
    this.#files = new FileSource(models);
    models.onProblem = ({ name, version }, problem) => {
      const text = `${name} version ${version}: ${problem ?? 'ready again'}`;
      const fields = { model: name, version };
      if (log === undefined) this.#settings.onError(new ModelError('not-ready', text));
      else if (problem === undefined) log.info(fields, text);
      else log.error(fields, text);
    };
    const own = { models, book: this.#book, files: this.#files };
    this.#configured = new ConfiguredModels({ ...own, onChange });
    this.manager = new ModelManager({
      models,
      book: this.#book,
      stateFile,
      sources: () => [this.#files, ...this.#folders, ...this.#configured.folders],
      problem: (name) =>
        [...this.#folders, ...this.#configured.folders]
          .map((folder) => folder.problem(name))
          .find((problem) => problem !== undefined),
    });
    if (stateFile !== undefined) {
      for (const [name, changes] of Object.entries(readState(stateFile))) {
        void this.#book.setChanges(name, changes);
      }
    }
    const maxBodyBytes = options.maxBodyBytes ?? 256 << 20;
    this.bodies = new BodyBudget(
      options.maxBodyBytesInFlight ?? 64 << 20,
      () => this.models.only === undefined,
      of?.bodies ?? sharedBudget(workers),
      of?.thread,
    );
    this.#context = {
      models: this.models,
      version: ONLITE_VERSION,
      maxBodyBytes,
      nonFinite: options.nonFinite ?? 'accept',
      control: options.control === true ? (of?.control ?? this.manager) : undefined,
      label: of?.label ?? ((name, labels) => watches.label(name, labels)),
    };
    const watched = (): Promise<WatchOverview> | undefined =>
      of === undefined ? watches.overview() : models.isWatched ? of.watched() : undefined;
    const measured = { models, counts, version: ONLITE_VERSION, watched };
    const metrics = metricsPages(measured, metricsNames);
    const threads = of?.threads ?? workers;
    const managed = of?.managed ?? (() => this.manager.list());
    this.#statusPages = statusPages({ ...measured, managed, threads });
    this.#settings = {
      routes: new RouteTable(protocols(this.#context)),
      maxBodyBytes,
      isOwner: true,
      bodies: this.bodies,
      compression: options.compression ?? true,
      transport: Transport.http,
      observer: this.#observer,
      pages: new Map([...metrics, ...(options.statusPage === true ? this.#statusPages : [])]),
      admit: admission(this.#access),
      onlyModel: () => this.models.only,
      isClosing: () => this.#isClosing,
      onError: options.onError ?? warn,
    };
    this.#handler = createHandler(this.#settings);
    this.#mount = new Mount(this.#settings, createHandler({ ...this.#settings, isOwner: false }));
    this.fastify = fastifyPlugin(this.#mount);
    this.#timeouts = options.timeouts;
    this.#maxConnections = options.maxConnections ?? 16_384;
    this.#tls = options.tls;
    if (workers === 1 || of !== undefined) return;
    this.#pool = new ThreadPool({
      threads: workers,
      bodies: this.bodies.memory,
      options: threadOptions(options),
      models: this.models,
      control: this.#context.control,
      watches,
      managed: () => this.manager.list(),
      counts: memory,
      log,
      audit,
      onError: this.#settings.onError,
    });
    this.models.mirror = this.#pool;
  }

  /** A thread of a server that has several. @internal */
  static ofThread(options: ServerOptions, of: ThreadOf): ModelServer {
    threadOf = of;
    try {
      return new ModelServer(options);
    } finally {
      threadOf = undefined;
    }
  }

  /**
   * Takes other keys from now on, in all threads; requests under way go on.
   *
   * @throws RangeError naming the key that is wrong; Error for a server that was made without `access`
   */
  async setApiKeys(keys: readonly ApiKey[]): Promise<void> {
    if (this.#access === undefined) throw new Error('the server was made without access control');
    this.#access.setKeys(keys);
    await this.#pool?.setApiKeys(keys);
  }

  /**
   * Another certificate for new connections, in all threads.
   *
   * @throws Error for what is none, or where the server was made without TLS
   */
  async setTls(tls: TlsOptions): Promise<void> {
    if (this.#tls === undefined) throw new Error('the server was made without TLS');
    createSecureContext(secureContext(tls));
    this.#tls = tls;
    if (this.#server !== undefined) setTls(this.#server, tls);
    this.#management?.setTls(tls);
    this.#grpc?.setTls(tls);
    await this.#pool?.setTls(tls);
  }

  /**
   * Loads a model's file and serves it.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for an option that there is not; as `InferenceSession.create`
   */
  async load(source: ModelSource): Promise<void> {
    checkSource(source);
    await this.#files.add({ source });
  }

  /**
   * Serves the models in a folder, `DIR/<name>/<version>/model.onnx` or `model.tflite`, and what becomes
   * of them.
   *
   * @throws Error if the folder cannot be read; what is wrong with a model is its status
   */
  async addFolder(folder: string, options?: FolderOptions): Promise<void> {
    const watch = new FolderWatch(this.models, folder, options, this.#book);
    await watch.start();
    this.#folders.push(watch);
  }

  /**
   * Serves the models that a configuration names, and follows it when it is read again. Of its settings
   * those of models alone are followed here; a server is made with the others.
   *
   * @throws ConfigError naming what is wrong with it
   * @throws OnliteError if a file that it names cannot be loaded
   */
  async configure(source: ConfigSource): Promise<void> {
    const config = effectiveConfig(source.file, source.server ?? {}, source.models ?? {});
    this.#configSource = source;
    this.#config = config;
    await this.#configured.follow(config);
  }

  /**
   * Reads the configuration, and those of models, again. No request is dropped; what is wrong changes
   * nothing.
   *
   * @throws ConfigError naming what is wrong
   * @throws OnliteError if a file cannot be loaded; what was loaded before is served on
   */
  reload(): Promise<Reloaded> {
    const done = this.#reloading.then(() => this.#reload());
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  async #reload(): Promise<Reloaded> {
    const needsRestart: string[] = [];
    if (this.#configSource !== undefined) {
      const { file, server = {}, models = {} } = this.#configSource;
      const config = effectiveConfig(file, server, models);
      const problems = checkConfigured(config);
      if (problems.length > 0) throw new ConfigError(problems);
      const before = this.#config ?? config;
      const isOther = (key: (typeof FIXED_SETTINGS)[number]) =>
        config.server[key] !== before.server[key];
      needsRestart.push(...FIXED_SETTINGS.filter(isOther));
      // What a restart alone changes stays what it is, to be told of again.
      this.#config = followed(config, before);
      await this.#configured.follow(config);
    }
    for (const folder of this.#folders) await folder.look();
    return { needsRestart };
  }

  /** Listens; by default only this machine's own programs reach it. */
  async listen(port = 8501, host = '127.0.0.1'): Promise<AddressInfo> {
    if (this.#pool === undefined) {
      this.#server ??= this.#createHttpServer();
      return listen(this.#server, { port, host });
    }
    const { address } = await lookup(host);
    const bound = await this.listenShared('http', port, address);
    await this.#pool.listen('http', bound.port, address);
    return bound;
  }

  /** Listens at an address that others of this process listen at, too. @internal */
  async listenShared(protocol: 'http' | 'grpc', port: number, host: string): Promise<AddressInfo> {
    const { fd, family, ...bound } = openServerSocket({ port, host, reusePort: true });
    if (protocol === 'http') {
      this.#server ??= this.#createHttpServer();
      await listen(this.#server, { fd });
    } else await this.#listenGrpc({ fd });
    return { ...bound, family };
  }

  #createHttpServer(): WebServer {
    const refused = (status: number): void => this.#observer.refused('http', status);
    const server = createHttpServer(this.#handler, this.#timeouts, this.#tls, refused);
    server.maxConnections = this.#maxConnections;
    return server;
  }

  /**
   * Listens for gRPC, on another port than for HTTP; as there, by default only on this machine.
   *
   * @throws Error if it cannot listen there, or does already
   */
  async listenGrpc(port = 8500, host = '127.0.0.1'): Promise<AddressInfo> {
    if (this.#grpc !== undefined) throw new Error('the server listens for gRPC already');
    if (this.#pool === undefined) return this.#listenGrpc({ port, host });
    const { address } = await lookup(host);
    const bound = await this.listenShared('grpc', port, address);
    await this.#pool.listen('grpc', bound.port, address);
    return bound;
  }

  async #listenGrpc(where: { port: number; host: string } | { fd: number }): Promise<AddressInfo> {
    const grpc = new GrpcServer({
      context: this.#context,
      access: this.#access,
      tls: this.#tls,
      observer: this.#observer,
      maxConnections: this.#maxConnections,
      bodies: this.bodies,
      onError: this.#settings.onError,
    });
    const address = await grpc.listen(where);
    this.#grpc = grpc;
    return address;
  }

  /**
   * Listens for management: who reaches it may change what is served, so that by default only this
   * machine's own programs do.
   *
   * @throws Error if it cannot listen there, or does already
   */
  async listenManagement(port = 8502, host = '127.0.0.1'): Promise<AddressInfo> {
    if (this.#management !== undefined) throw new Error('the server is managed already');
    const { onError, admit, observer } = this.#settings;
    const pages = new Map([...this.#settings.pages, ...this.#statusPages]);
    const common = { onError, admit, pages, observer, host, tls: this.#tls };
    const management = new ManagementServer({ server: this, ...common });
    const address = await management.listen(port);
    this.#management = management;
    return address;
  }

  /** What holds of the configuration, with where it comes from. */
  get config(): EffectiveConfig | undefined {
    return this.#config;
  }

  /**
   * Middleware of Express and the like: answers requests for models, and `next` has the others. Best before
   * body parsers: where one has read the body before, it is answered from what that has left, or
   * `next` is called with an OnliteError if that is not enough.
   */
  readonly middleware = (
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): void => {
    let isTaken: boolean;
    try {
      isTaken = this.#mount.take(request, response);
    } catch (error) {
      next(error);
      return;
    }
    if (!isTaken) next();
  };

  /** A plugin of Fastify's: `app.register(models.fastify, { prefix: '/ml' })`. */
  readonly fastify: FastifyPlugin;

  /**
   * Answers a server's requests for models. Those who listen to its requests now have the others; without
   * any, unknown paths are answered with 404.
   */
  attach(server: Server | HttpsServer, options: MountOptions = {}): void {
    this.#mount.attach(server, options);
  }

  /**
   * Ends in the way that loses no request behind a load balancer: says first that it is not ready and goes on
   * answering, so that no more are sent to it, and closes after a time.
   */
  async drain({ delayMs = 0, ...options }: DrainOptions = {}): Promise<void> {
    this.models.isDraining = true;
    await this.#pool?.drain();
    await sleep(delayMs);
    await this.close(options);
  }

  /**
   * Ends requests under way, closes connections and releases the models. What they were mounted in has all
   * requests from then on. May be called twice.
   */
  async close({ graceMs = 0 }: CloseOptions = {}): Promise<void> {
    this.#isClosing = this.#server !== undefined;
    // What is being loaded is waited for, and no more requests are taken meanwhile.
    await Promise.all([
      this.#endChanges(),
      this.#management?.close(graceMs),
      this.#server && close(this.#server, graceMs),
      this.#grpc?.close(graceMs),
      this.#pool?.close(graceMs),
      this.#mount.close(),
    ]);
    this.models.mirror = undefined;
    await this.models.close();
  }

  async #endChanges(): Promise<void> {
    this.#configured.endAsking();
    await this.#reloading;
    await this.manager.idle();
    await Promise.all([...this.#folders.map((folder) => folder.stop()), this.#configured.stop()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const MAX_WORKERS = 64;

/** While a thread's server is made. */
let threadOf: ThreadOf | undefined;

/** A line for each alert that becomes active, or is no more. */
const alertsTo =
  (log: ServerOptions['log']): AlertTold =>
  ({ name, version }, { name: alert, rule, isActive, value, rows }) => {
    const { measure, below, above, feature } = rule;
    const of = feature === undefined ? measure : `${measure} of ${feature}`;
    const limit = below === undefined ? `above ${above}` : `below ${below}`;
    const text = `${name} version ${version}: ${alert}: ${of} is ${value}, ${isActive ? limit : `no more ${limit}`}`;
    log?.[isActive ? 'warn' : 'info']({ model: name, version, alert, value, rows, isActive }, text);
  };

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), {
    type: 'OnliteWarning',
    code: 'ONLITE_SERVER_FAILED',
  });
}

/** A server that has no models yet: load some, then listen. */
export const createServer = (options?: ServerOptions): ModelServer => new ModelServer(options);

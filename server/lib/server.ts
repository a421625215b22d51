import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createHandler as createMetricsHandler } from 'onlite/metrics';

import { createHandler, isOurs, type HandlerSettings, type HttpHandler } from './http/handler';
import { close, createHttpServer, listen, serveWith, type HttpTimeouts } from './http/server';
import { ModelRepository, type ModelSource, type RepositoryOptions } from './models';
import { openInference } from './wire/oip/routes';
import type { ModelControl, WireContext } from './wire/route';

/** Filled in when the package is built. */
declare const ONLITE_VERSION: string;

/** How models are served. */
export interface ServerOptions extends RepositoryOptions {
  /** Bytes of a request's body, unpacked or not. Default 256 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether answers are compressed for clients that ask for it. Default true. */
  readonly compression?: boolean;
  readonly timeouts?: HttpTimeouts;
  /** Lets clients load and unload models. Default none: whoever reaches the port could. */
  readonly control?: ModelControl;
  /** Told of what was answered with 500. Default: a process warning. */
  readonly onError?: (error: unknown) => void;
}

/** Serves models over HTTP, by itself or mounted in another server. */
export class ModelServer implements AsyncDisposable {
  readonly models: ModelRepository;
  readonly #settings: HandlerSettings;
  readonly #handler: HttpHandler;
  readonly #timeouts: HttpTimeouts | undefined;
  #server: Server | undefined;

  constructor(options: ServerOptions = {}) {
    this.models = new ModelRepository(options);
    const maxBodyBytes = options.maxBodyBytes ?? 256 << 20;
    const context: WireContext = {
      models: this.models,
      version: ONLITE_VERSION,
      maxBodyBytes,
      control: options.control,
    };
    this.#settings = {
      protocols: [openInference(context)],
      maxBodyBytes,
      compression: options.compression ?? true,
      pages: new Map([['/metrics', createMetricsHandler()]]),
      onError: options.onError ?? warn,
    };
    this.#handler = createHandler(this.#settings);
    this.#timeouts = options.timeouts;
  }

  /** Loads a model's file and serves it. @throws OnliteError as `InferenceSession.create` */
  async load(source: ModelSource): Promise<void> {
    await this.models.load(source);
  }

  /** Listens; by default only this machine's own programs reach it. */
  listen(port = 8501, host = '127.0.0.1'): Promise<AddressInfo> {
    this.#server ??= createHttpServer(this.#handler, this.#timeouts);
    return listen(this.#server, port, host);
  }

  /** Answers requests of another server, those that are for models; `next` has the others. */
  readonly middleware = (
    request: IncomingMessage,
    response: ServerResponse,
    next: () => void,
  ): void => {
    if (isOurs(this.#settings, request.url ?? '/')) this.#handler(request, response);
    else next();
  };

  /** Has a server that listens to nothing else than requests for models answer with them. */
  attach(server: Server): void {
    serveWith(server, this.#handler);
  }

  /** Ends requests under way, closes connections and releases the models. May be called twice. */
  async close(): Promise<void> {
    if (this.#server !== undefined) await close(this.#server);
    await this.models.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), {
    type: 'OnliteWarning',
    code: 'ONLITE_SERVER_FAILED',
  });
}

/** A server that has no models yet: load some, then listen. */
export const createServer = (options?: ServerOptions): ModelServer => new ModelServer(options);

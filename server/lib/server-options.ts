import type { AccessOptions } from './access';
import type { ModelConfig, ServerConfig } from './config';
import type { HttpTimeouts } from './http/server';
import type { RepositoryOptions } from './models';
import type { ObserveOptions } from './observe/options';
import type { FolderChange } from './rollout';
import type { TlsOptions } from './tls';

/** How models are served. */
export interface ServerOptions extends RepositoryOptions, ObserveOptions {
  /** Bytes of a request's body, unpacked or not. Default 256 MiB. */
  readonly maxBodyBytes?: number;
  /**
   * Bytes of the bodies of all requests that are not answered yet: others wait to be read, and are refused with
   * 429 if that takes 30 s. One alone may have more, up to `maxBodyBytes`; where there are several models, those of
   * one have half of it. Default 64 MiB.
   */
  readonly maxBodyBytesInFlight?: number;
  /** Connections of HTTP, and as many of gRPC, for each of the server's threads; more are closed. Default 16,384. */
  readonly maxConnections?: number;
  /** Whether answers are compressed for clients that ask for it. Default true. */
  readonly compression?: boolean;
  /**
   * What becomes of NaN, Infinity and -Infinity, which JSON does not have. `'accept'`, the default: they
   * are read and written as such, as the clients of Triton and TensorFlow Serving do; `'refuse'`: a
   * request or an answer that has one, or a number beyond its type's range, is an error 400.
   */
  readonly nonFinite?: 'accept' | 'refuse';
  readonly timeouts?: HttpTimeouts;
  /**
   * Threads that answer requests, HTTP's and gRPC's, at one address each, with one copy of the models.
   * Default 1. Others than the first are worker threads; one that ends is replaced. ERR_UNSUPPORTED from
   * `listen` and `listenGrpc` on Windows and macOS, where the kernel does not spread connections over sockets.
   */
  readonly workers?: number;
  /** Whether clients may load and unload the models that there are. Default false: whoever reaches the port could. */
  readonly control?: boolean;
  /**
   * Who may call: without it, everybody who reaches the port. With it a request needs a key or a token,
   * but for the paths that say whether the server is alive and ready.
   */
  readonly access?: AccessOptions;
  /** Serves HTTPS. By default it is HTTP, for what ends TLS before it, or for this machine alone. */
  readonly tls?: TlsOptions;
  /** Where what was changed by management is kept, so that it holds after a restart. Default nowhere. */
  readonly stateFile?: string;
  /** Told of what is loaded, unloaded and broken of a configuration's models. Default: nobody. */
  readonly onChange?: (change: FolderChange) => void;
  /**
   * Told of what was answered with 500, and, where there is no `log`, of models that are not ready meanwhile. Default:
   * a process warning.
   */
  readonly onError?: (error: unknown) => void;
}

/** A configuration that is followed, and what is said over it. */
export interface ConfigSource {
  readonly file?: string;
  /** What holds whatever the file says. */
  readonly server?: ServerConfig;
  /** What holds for all models whatever the file and their own configurations say. */
  readonly models?: ModelConfig;
}

/** What has become of a configuration that was read again. */
export interface Reloaded {
  /** Settings that are other ones now and hold after a restart alone. */
  readonly needsRestart: readonly string[];
}

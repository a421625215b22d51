import type { ApiKey } from '../access';
import type { AuditEntry } from '../logs/audit';
import type { LogLevel } from '../logs/server-log';
import type { ServerOptions } from '../server-options';
import type { TlsOptions } from '../tls';
import type { SharedModel, Traffic, VersionStatus } from '../models';
import type { Label } from '../watch/local-watches';
import type { Told } from '../watch/watched-version';

/** What a thread of a server is made with. */
export interface ThreadData {
  /** Of the server's threads; 0 is the one that made the others. */
  readonly thread: number;
  readonly threads: number;
  /** What requests are counted in. */
  readonly counts: SharedArrayBuffer;
  /** Of the log that lines are sent for to the first thread; undefined where there is none. */
  readonly logLevels: readonly LogLevel[] | undefined;
  readonly isAudited: boolean;
  readonly options: ThreadOptions;
  /** What all of them have taken for bodies. */
  readonly bodies: SharedArrayBuffer;
}

/** Those of a server's options that can be sent. */
const OPTIONS = [
  'maxTensorBytes',
  'maxFreeBindings',
  'maxFreeBytes',
  'maxBodyBytes',
  'maxBodyBytesInFlight',
  'maxConnections',
  'compression',
  'nonFinite',
  'timeouts',
  'access',
  'tls',
  'control',
  'statusPage',
  'accessLog',
  'metricsNames',
] as const satisfies readonly (keyof ServerOptions)[];

export type ThreadOptions = Pick<ServerOptions, (typeof OPTIONS)[number]>;

/** Those of a server's options. */
export const threadOptions = (options: ServerOptions): ThreadOptions =>
  Object.fromEntries(
    OPTIONS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
  );

export type SharedStatus = Omit<VersionStatus, 'model'>;

/** What a thread is asked to do; each is answered when it has been done. */
export type Order =
  | { readonly kind: 'change'; readonly status: SharedStatus; readonly shared?: SharedModel }
  | { readonly kind: 'drop'; readonly name: string; readonly version: string }
  | { readonly kind: 'route'; readonly name: string; readonly traffic: Traffic }
  | { readonly kind: 'count'; readonly name: string; readonly memory: SharedArrayBuffer }
  | { readonly kind: 'tls'; readonly tls: TlsOptions }
  | { readonly kind: 'keys'; readonly keys: readonly ApiKey[] }
  | {
      readonly kind: 'listen';
      readonly protocol: 'http' | 'grpc';
      readonly port: number;
      readonly host: string;
    }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close'; readonly graceMs: number };

export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

/** What a thread says to the one that made it. */
export type ThreadMessage =
  | { readonly kind: 'done'; readonly id: number; readonly error?: string }
  /** Something that the first thread does, or knows, for all. */
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** Something was answered with status 500. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** For the log, which the first thread writes. */
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly fields: object;
      readonly message: string;
    }
  | { readonly kind: 'audit'; readonly entry: AuditEntry };

/** What a thread asks of the first one. */
export type Question =
  /** A client wants a model to be loaded or unloaded. */
  | { readonly kind: 'load' | 'unload'; readonly name: string }
  /** A version that is watched was asked something here. */
  | {
      readonly kind: 'record';
      readonly name: string;
      readonly version: string;
      readonly told: Told;
    }
  | { readonly kind: 'label'; readonly name: string; readonly labels: readonly Label[] }
  /** How what is watched does. */
  | { readonly kind: 'watched' }
  /** Which models there are, those of which nothing is loaded too. */
  | { readonly kind: 'managed' };

/** The answer to a question. */
export interface Answered {
  readonly answered: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly kind?: string };
}

import type { Action } from '../access';
import { ModelError, type ModelRepository } from '../models';
import type { Label, Labelled } from '../watch/local-watches';
import type { WireFailure } from './errors';
import type { NonFinite } from './json/numbers';
import type { WireAnswer, WireRequest } from './request';

/** What protocols have to do with. */
export interface WireContext {
  readonly models: ModelRepository;
  /** This package's version. */
  readonly version: string;
  /** What bodies may hold; the protocols refuse less likely things by it before they allocate. */
  readonly maxBodyBytes: number;
  /** What becomes of NaN and the infinities in JSON. */
  readonly nonFinite: NonFinite;
  /** Whether clients may load and unload models that are known. */
  readonly control: ModelControl | undefined;
  readonly label: TakeLabels;
}

/** Tells the true labels of what a model was asked. @throws ModelError not-found for one that is not watched */
export type TakeLabels = (model: string, labels: readonly Label[]) => Labelled | Promise<Labelled>;

/** Loads and unloads by name what the server was started with. */
export interface ModelControl {
  load(name: string): Promise<void>;
  unload(name: string): Promise<void>;
}

/** What answers a client that would change what is loaded where it may not. */
export const forbidControl = (change: 'load' | 'unload'): ModelError =>
  new ModelError(
    'forbidden',
    `models cannot be ${change}ed over the network: this server was not started with model control (--model-control)`,
  );

export type Method = 'GET' | 'POST' | 'PUT';

export type Handler = (request: WireRequest) => WireAnswer | Promise<WireAnswer>;

/** A path of a protocol. */
export interface Route {
  /** Of the whole path, its query left out; named groups become the request's names. */
  readonly path: RegExp;
  readonly methods: Readonly<Partial<Record<Method, Handler>>>;
  /** Whether a body of this type, in lower case and without parameters, is taken; all are by default. */
  readonly takes?: (type: string | undefined, parameters: string) => boolean;
  /**
   * Looks at a request with a deadline before anything of its body is read.
   *
   * @throws ModelError as the handler would
   */
  readonly beforeBody?: (request: Pick<WireRequest, 'names' | 'caller'>) => void;
  /** The query is part of the path, as in TensorFlow Serving. */
  readonly withQuery?: boolean;
  /** What a caller must be allowed where a server asks who calls. Default `infer`. */
  readonly needs?: 'nothing' | Action;
  /** It changes all models: a scope for some does not allow it. */
  readonly ofAll?: boolean;
}

/** A protocol's paths and how it tells errors. */
export interface Protocol {
  readonly name: string;
  readonly routes: readonly Route[];
  /** Whether a path that no route has is told in this protocol's form. */
  readonly owns: (path: string) => boolean;
  /** What to say of a path that it owns and has no route for. Default 404. */
  readonly unknownPath?: WireFailure;
  readonly printError: (failure: WireFailure) => WireAnswer;
}

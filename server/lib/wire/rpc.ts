import type { Action } from '../access';
import type { Caller } from '../models';

/** What a caller must be allowed where a server asks who calls. */
export interface RpcNeeds {
  readonly action: 'nothing' | Action;
  /** The model that a request is about; undefined for all of them. */
  readonly modelOf?: (request: object) => string | undefined;
}

/** Those who ask are probes, which have no key. */
export const forEverybody: RpcNeeds = { action: 'nothing' };

/** An action on the model that the request names, or on all if it names none. */
export const needsModel = (action: Action, modelOf: (request: never) => string): RpcNeeds => ({
  action,
  modelOf: (request) => {
    const name = modelOf(request as never);
    return name === '' ? undefined : name;
  },
});

/** What a method is given of a call besides its message. */
export interface RpcCall extends Caller {
  /** What the client has sent beside its message, by a name in lower case. */
  header(name: string): string | undefined;
  /** Whether its caller may do with a model what it does: lists leave others out. */
  allows(model: string): boolean;
}

/** A message of protobuf whose bytes are sent from where they are. */
export interface RpcParts {
  readonly parts: readonly Uint8Array[];
  /** Bytes of all parts. */
  readonly length: number;
  /** Ends the use of the memory that they are in: they were sent, or never will be. */
  readonly release?: () => void;
}

export type RpcMessage = Buffer | RpcParts;

/**
 * A call of a message for a message. The bytes that a request was read from are there until `answer` returns,
 * be it a promise: then their memory is another message's.
 */
export interface RpcMethod {
  readonly needs: RpcNeeds;
  /** @throws ProtobufError, which is told as INTERNAL */
  readonly read: (bytes: Buffer) => object;
  /** @throws RequestError, ModelError, OnliteError */
  readonly answer: (request: object, call: RpcCall) => RpcMessage | Promise<RpcMessage>;
}

/** A call of any number of messages, each of which is answered in its turn. */
export interface RpcStream extends RpcMethod {
  /** What answers a message that failed; the stream goes on. */
  readonly printFailure: (request: object, message: string) => Buffer;
}

/** A call of a message for any number of messages, until the client has enough of them. */
export interface RpcWatch {
  readonly needs: RpcNeeds;
  /** @throws ProtobufError, which is told as INTERNAL */
  readonly read: (bytes: Buffer) => object;
  /**
   * @param tell - false if the client has not read what it was told before: the message was not sent
   * @returns what ends it
   */
  readonly watch: (request: object, tell: (message: Buffer) => boolean) => () => void;
}

/** A gRPC service by its full name. */
export interface RpcService {
  readonly name: string;
  readonly methods: Readonly<Record<string, RpcMethod>>;
  readonly streams?: Readonly<Record<string, RpcStream>>;
  readonly watches?: Readonly<Record<string, RpcWatch>>;
}

/** A method of requests of one kind. */
export const rpcMethod = <Request extends object>(
  needs: RpcNeeds,
  read: (bytes: Buffer) => Request,
  answer: (request: Request, call: RpcCall) => RpcMessage | Promise<RpcMessage>,
): RpcMethod => ({ needs, read, answer: (request, call) => answer(request as Request, call) });

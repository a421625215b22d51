/** What a method is given of a call besides its message. */
export interface RpcCall {
  /** Aborted when the client leaves or its deadline passes. Made when it is asked for. */
  readonly signal: AbortSignal;
}

/** A call of a message for a message, as bytes of protobuf. grpc takes what is falsy for no message. */
export interface RpcMethod {
  /** @throws ProtobufError, which is told as INTERNAL */
  readonly read: (bytes: Buffer) => object;
  /** @throws RequestError, ModelError, OnliteError */
  readonly answer: (request: object, call: RpcCall) => Buffer | Promise<Buffer>;
}

/** A call of any number of messages, each of which is answered in its turn. */
export interface RpcStream extends RpcMethod {
  /** What answers a message that failed; the stream goes on. */
  readonly printFailure: (request: object, message: string) => Buffer;
}

/** A gRPC service by its full name. */
export interface RpcService {
  readonly name: string;
  readonly methods: Readonly<Record<string, RpcMethod>>;
  readonly streams?: Readonly<Record<string, RpcStream>>;
}

/** A method of requests of one kind. */
export const rpcMethod = <Request extends object>(
  read: (bytes: Buffer) => Request,
  answer: (request: Request, call: RpcCall) => Buffer | Promise<Buffer>,
): RpcMethod => ({ read, answer: (request, call) => answer(request as Request, call) });

import {
  status,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
  type handleUnaryCall,
} from '@grpc/grpc-js';

import type { RpcCall, RpcMethod, RpcService, RpcStream } from '../wire/rpc';
import { callFailure } from './failures';

/** What calls are answered with. */
export interface CallSettings {
  /** Told of what is answered with INTERNAL. */
  readonly onError: (error: unknown) => void;
  /** Streams that are open: each ends after the message that it is at. */
  readonly streams: Set<() => void>;
}

/** A service as grpc takes it. Messages are bytes on the way out already. */
export function implement(
  { name, methods, streams = {} }: RpcService,
  settings: CallSettings,
): [ServiceDefinition, UntypedServiceImplementation] {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: Record<string, UntypedHandleCall> = {};
  const define = (method: string, { read }: RpcMethod, isStream: boolean) => {
    definition[method] = {
      path: `/${name}/${method}`,
      requestStream: isStream,
      responseStream: isStream,
      requestDeserialize: read,
      requestSerialize: asItIs,
      responseDeserialize: asItIs,
      responseSerialize: asItIs,
    };
  };
  for (const [method, of] of Object.entries(methods)) {
    define(method, of, false);
    implementation[method] = answerOne(of, settings);
  }
  for (const [method, of] of Object.entries(streams)) {
    define(method, of, true);
    implementation[method] = (call: ServerDuplexStream<object, Buffer>) =>
      answerEach(call, of, settings);
  }
  return [definition, implementation];
}

const asItIs = (bytes: Buffer): Buffer => bytes;

type AnyCall = ServerUnaryCall<object, Buffer> | ServerDuplexStream<object, Buffer>;

/** Most calls are answered before it would matter that their client leaves. */
class Call implements RpcCall {
  readonly #call: AnyCall;
  #signal: AbortSignal | undefined;

  constructor(call: AnyCall) {
    this.#call = call;
  }

  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const controller = new AbortController();
    if (this.#call.cancelled) controller.abort();
    else this.#call.once('cancelled', () => controller.abort());
    this.#signal = controller.signal;
    return this.#signal;
  }
}

function answerOne({ answer }: RpcMethod, { onError }: CallSettings): UntypedHandleCall {
  const handle: handleUnaryCall<object, Buffer> = (call, callback) => {
    const fail = (error: unknown): void => {
      // The client has left, or its deadline has passed: grpc has said so.
      if (call.cancelled) return;
      callback(callFailure(error, onError));
    };
    try {
      const answered = answer(call.request, new Call(call));
      if (answered instanceof Promise) answered.then((bytes) => callback(null, bytes), fail);
      else callback(null, answered);
    } catch (error) {
      fail(error);
    }
  };
  return handle as UntypedHandleCall;
}

/** Answers messages one after the other; what is wrong with one is its answer. */
function answerEach(
  call: ServerDuplexStream<object, Buffer>,
  { answer, printFailure }: RpcStream,
  { onError, streams }: CallSettings,
): void {
  let isBusy = false;
  let hasAll = false;
  let isEnding = false;
  let isOver = false;
  const rpc = new Call(call);
  const close = (): void => {
    isEnding = true;
    if (isBusy || isOver) return;
    isOver = true;
    call.emit('error', { code: status.UNAVAILABLE, details: 'the server is shutting down' });
  };
  streams.add(close);
  const finish = (): void => {
    if (isBusy || isOver) return;
    isOver = true;
    call.end();
  };
  const respond = async (request: object): Promise<void> => {
    let message: Buffer;
    try {
      message = await answer(request, rpc);
    } catch (error) {
      if (isOver) return;
      message = printFailure(request, callFailure(error, onError).details);
    }
    if (!isOver && !call.write(message)) {
      await new Promise<void>((resolve) => {
        call.once('drain', resolve);
        call.once('close', resolve);
        call.once('cancelled', resolve);
      });
    }
  };
  call.on('data', (request: object) => {
    isBusy = true;
    call.pause();
    void respond(request).then(() => {
      isBusy = false;
      if (isEnding) close();
      else if (hasAll) finish();
      else if (!isOver) call.resume();
    }, onError);
  });
  call.on('end', () => {
    // Also while the last message is being answered.
    hasAll = true;
    finish();
  });
  call.on('cancelled', () => {
    isOver = true;
  });
  call.on('close', () => streams.delete(close));
  call.on('error', () => {
    isOver = true;
  });
}

import type { AddressInfo } from 'node:net';

import type { Access } from '../access';
import type { TlsOptions } from '../tls';
import { encodeFields } from '../http2/hpack-encoder';
import type { RequestHead } from '../http2/request-head';
import { Http2Server } from '../http2/server';
import type { Http2Stream, StreamSink } from '../http2/stream';
import { inferenceService } from '../wire/oip/protobuf/service';
import type { WireContext } from '../wire/route';
import type { RpcService } from '../wire/rpc';
import { modelService, predictionService } from '../wire/tfserving/protobuf/service';
import { encodeFailure, type Call, type CallSettings } from './call';
import { healthService } from './health';
import { CallFailure, Status } from './status';
import { StreamCall } from './stream-call';
import { UnaryCall, WatchCall } from './unary-call';

/** What a gRPC server is made with. */
export interface GrpcSettings {
  readonly context: WireContext;
  /** Undefined lets everybody call. */
  readonly access: Access | undefined;
  readonly tls: TlsOptions | undefined;
  /** Told of what is answered with INTERNAL. */
  readonly onError: (error: unknown) => void;
}

/** What has to do with a method's calls, made for each of them. */
type MakeCall = (stream: Http2Stream) => Call;

const WRONG_METHOD = encodeFields([
  [':status', '405'],
  ['allow', 'POST'],
]);
const WRONG_TYPE = encodeFields([[':status', '415']]);

/** A stream that was answered before anything of it has come. */
const ANSWERED: StreamSink = { data: () => undefined, end: () => undefined, gone: () => undefined };

/** gRPC's own type, and what says how its messages are made. */
const TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/;

/** What a request is answered with that is no call of a method; undefined for one that is. */
function refusalOf({ method, path, fields, isTooLarge }: RequestHead, isKnown: boolean) {
  if (isTooLarge) {
    const what = 'the header fields are too many or too long';
    return encodeFailure(new CallFailure(Status.RESOURCE_EXHAUSTED, what));
  }
  if (method !== 'POST') return WRONG_METHOD;
  if (!TYPE.test(fields.get('content-type') ?? '')) return WRONG_TYPE;
  if (isKnown) return undefined;
  const what = `there is no method ${path.slice(0, 200)}`;
  return encodeFailure(new CallFailure(Status.UNIMPLEMENTED, what));
}

/** The Open Inference Protocol's, TensorFlow Serving's and the health service on one port. */
export class GrpcServer {
  readonly #server: Http2Server;
  readonly #calls = new Map<string, MakeCall>();
  readonly #settings: CallSettings;

  constructor({ context, access, tls, onError }: GrpcSettings) {
    const { maxBodyBytes, models } = context;
    this.#settings = {
      maxMessageBytes: maxBodyBytes,
      access,
      onError,
      open: new Set(),
    };
    const services = [inferenceService(context), predictionService(context), modelService(context)];
    const names = services.map(({ name }) => name);
    for (const each of [...services, healthService(names, () => models.isReady)]) this.#add(each);
    this.#server = new Http2Server((stream, head) => this.#accept(stream, head), tls);
  }

  #add({ name, methods, streams = {}, watches = {} }: RpcService): void {
    const settings = this.#settings;
    const add = (method: string, make: MakeCall) => this.#calls.set(`/${name}/${method}`, make);
    for (const [method, of] of Object.entries(methods)) {
      add(method, (stream) => new UnaryCall(stream, settings, of));
    }
    for (const [method, of] of Object.entries(streams)) {
      add(method, (stream) => new StreamCall(stream, settings, of));
    }
    for (const [method, of] of Object.entries(watches)) {
      add(method, (stream) => new WatchCall(stream, settings, of));
    }
  }

  #accept(stream: Http2Stream, head: RequestHead): StreamSink {
    const make = this.#calls.get(head.path);
    const refusal = refusalOf(head, make !== undefined);
    if (make !== undefined && refusal === undefined) return make(stream).begin(head);
    if (refusal !== undefined) stream.respond(refusal, true);
    return ANSWERED;
  }

  /** @throws Error if it cannot listen there */
  listen(where: { port: number; host: string } | { fd: number }): Promise<AddressInfo> {
    return this.#server.listen(where);
  }

  /** Another certificate for new connections. */
  setTls(tls: TlsOptions): void {
    this.#server.setTls(tls);
  }

  /**
   * Takes no more calls, lets those under way end, and closes the connections.
   *
   * @param graceMs - for calls under way; 0 is no limit
   */
  async close(graceMs: number): Promise<void> {
    for (const end of [...this.#settings.open]) end();
    await this.#server.close(graceMs);
  }
}

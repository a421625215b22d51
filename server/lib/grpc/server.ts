import type { AddressInfo } from 'node:net';

import type { Access } from '../access';
import type { BodyBudget } from '../body-budget';
import type { TlsOptions } from '../tls';
import { encodeFields } from '../http2/hpack-encoder';
import type { RequestHead } from '../http2/request-head';
import { Http2Server } from '../http2/server';
import type { Http2Stream, StreamSink } from '../http2/stream';
import type { ProtocolName } from '../models';
import { inferenceService } from '../wire/oip/protobuf/service';
import type { WireContext } from '../wire/route';
import type { RpcService } from '../wire/rpc';
import { modelService, predictionService } from '../wire/tfserving/protobuf/service';
import type { Observer } from '../observe/observer';
import { encodeFailure, type Call, type CallSettings } from './call';
import { GrpcRequest } from './grpc-request';
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
  readonly observer: Observer;
  readonly maxConnections: number;
  readonly bodies: BodyBudget;
  /** Told of what is answered with INTERNAL. */
  readonly onError: (error: unknown) => void;
}

/** What has to do with a method's calls, made for each of them. */
type MakeCall = (stream: Http2Stream, head: RequestHead, remote: string | undefined) => Call;

const WRONG_METHOD = encodeFields([
  [':status', '405'],
  ['allow', 'POST'],
]);
const WRONG_TYPE = encodeFields([[':status', '415']]);

/** A stream that was answered before anything of it has come. */
const ANSWERED: StreamSink = { data: () => false, end: () => undefined, gone: () => undefined };

/** gRPC's own type, and what says how its messages are made. */
const TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/;

const protocols: Readonly<Partial<Record<string, ProtocolName>>> = {
  'inference.GRPCInferenceService': 'grpc-oip',
  'tensorflow.serving.PredictionService': 'grpc-tfserving',
  'tensorflow.serving.ModelService': 'grpc-tfserving',
};

/** What a request is answered with that is no call of a method; undefined for one that is. */
function refusalOf({ method, path, fields, isTooLarge }: RequestHead, isKnown: boolean) {
  if (isTooLarge) {
    const what = 'the header fields are too many or too long';
    return { fields: encodeFailure(new CallFailure(Status.RESOURCE_EXHAUSTED, what)), status: 431 };
  }
  if (method !== 'POST') return { fields: WRONG_METHOD, status: 405 };
  if (!TYPE.test(fields.get('content-type') ?? '')) return { fields: WRONG_TYPE, status: 415 };
  if (isKnown) return undefined;
  const what = `there is no method ${path.slice(0, 200)}`;
  return { fields: encodeFailure(new CallFailure(Status.UNIMPLEMENTED, what)), status: 404 };
}

/** The Open Inference Protocol's, TensorFlow Serving's and the health service on one port. */
export class GrpcServer {
  readonly #server: Http2Server;
  readonly #calls = new Map<string, MakeCall>();
  readonly #settings: CallSettings;

  constructor({ context, access, tls, maxConnections, bodies, observer, onError }: GrpcSettings) {
    const { maxBodyBytes, models } = context;
    this.#settings = {
      maxMessageBytes: maxBodyBytes,
      bodies,
      access,
      observer,
      onError,
      open: new Set(),
    };
    const services = [inferenceService(context), predictionService(context), modelService(context)];
    const names = services.map(({ name }) => name);
    for (const each of [...services, healthService(names, () => models.isReady)]) this.#add(each);
    this.#server = new Http2Server((stream, head, remote) => this.#accept(stream, head, remote), {
      tls,
      maxConnections,
    });
  }

  #add({ name, methods, streams = {}, watches = {} }: RpcService): void {
    const settings = this.#settings;
    const protocol = protocols[name] ?? 'grpc';
    const add = (method: string, make: (seen: GrpcRequest, stream: Http2Stream) => Call) =>
      this.#calls.set(`/${name}/${method}`, (stream, head, remote) =>
        make(new GrpcRequest(head, remote, protocol), stream),
      );
    for (const [method, of] of Object.entries(methods)) {
      add(method, (seen, stream) => new UnaryCall(seen, stream, settings, of));
    }
    for (const [method, of] of Object.entries(streams)) {
      add(method, (seen, stream) => new StreamCall(seen, stream, settings, of));
    }
    for (const [method, of] of Object.entries(watches)) {
      add(method, (seen, stream) => new WatchCall(seen, stream, settings, of));
    }
  }

  #accept(stream: Http2Stream, head: RequestHead, remote: string | undefined): StreamSink {
    const make = this.#calls.get(head.path);
    const refusal = refusalOf(head, make !== undefined);
    if (make !== undefined && refusal === undefined) return make(stream, head, remote).begin();
    if (refusal !== undefined) {
      const { observer } = this.#settings;
      const protocol = protocols[head.path.split('/', 2)[1] ?? ''] ?? 'grpc';
      observer.end(observer.begin(new GrpcRequest(head, remote, protocol)), refusal.status);
      stream.respond(refusal.fields, true);
    }
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

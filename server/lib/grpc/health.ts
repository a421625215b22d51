import {
  status,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
  type handleUnaryCall,
} from '@grpc/grpc-js';

import { readTexts } from '../wire/protobuf/texts';
import { ProtobufWriter } from '../wire/protobuf/writer';

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** Between two looks whether a watched service still serves. */
const WATCH_MS = 500;

/**
 * `grpc.health.v1.Health`, which Kubernetes' probes call: all services, and the empty name for the whole
 * server, serve as soon as every model is ready.
 *
 * @param streams - what ends those who watch
 */
export function healthService(
  services: readonly string[],
  isReady: () => boolean,
  streams: Set<() => void>,
): [ServiceDefinition, UntypedServiceImplementation] {
  const known = new Set(['', 'grpc.health.v1.Health', ...services]);
  const stateOf = (service: string): number =>
    known.has(service) ? (isReady() ? SERVING : NOT_SERVING) : SERVICE_UNKNOWN;

  const check: handleUnaryCall<string[], Buffer> = ({ request: [service = ''] }, callback) => {
    const state = stateOf(service);
    if (state !== SERVICE_UNKNOWN) callback(null, print(state));
    else
      callback({
        code: status.NOT_FOUND,
        details: `there is no service '${service.slice(0, 200)}'`,
      });
  };
  const watch = (call: ServerWritableStream<string[], Buffer>): void => {
    let told: number | undefined;
    const look = (): void => {
      const state = stateOf(call.request[0] ?? '');
      if (state === told || call.cancelled) return;
      told = state;
      call.write(print(state));
    };
    look();
    const timer = setInterval(look, WATCH_MS);
    timer.unref();
    const stop = (): void => {
      clearInterval(timer);
      streams.delete(end);
    };
    const end = (): void => {
      stop();
      call.emit('error', { code: status.UNAVAILABLE, details: 'the server is shutting down' });
    };
    streams.add(end);
    call.on('cancelled', stop);
    call.on('close', stop);
  };
  const method = (name: string, responseStream: boolean) => ({
    path: `/grpc.health.v1.Health/${name}`,
    requestStream: false,
    responseStream,
    requestDeserialize: (bytes: Buffer) => readTexts(bytes, 1),
    requestSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
  });
  return [
    { Check: method('Check', false), Watch: method('Watch', true) },
    { Check: check, Watch: watch },
  ];
}

const print = (state: number): Buffer => new ProtobufWriter(8).integer(1, state).finish();

import type { AddressInfo } from 'node:net';

import { Server, ServerCredentials } from '@grpc/grpc-js';

import { inferenceService } from '../wire/oip/protobuf/service';
import type { WireContext } from '../wire/route';
import { modelService, predictionService } from '../wire/tfserving/protobuf/service';
import { implement } from './calls';
import { healthService } from './health';

/** What a gRPC server is made with. */
export interface GrpcSettings {
  readonly context: WireContext;
  /** Told of what is answered with INTERNAL. */
  readonly onError: (error: unknown) => void;
}

/** Larger than HTTP/2's 64 KiB, for which every client of large tensors would have to wait. */
const WINDOW_BYTES = 4 << 20;

/** Milliseconds that calls under way have when a server is closed. */
const CLOSE_MS = 30_000;

/** The Open Inference Protocol's, TensorFlow Serving's and the health service on one port. */
export class GrpcServer {
  readonly #server: Server;
  readonly #streams = new Set<() => void>();

  constructor({ context, onError }: GrpcSettings) {
    const { maxBodyBytes, models } = context;
    this.#server = new Server({
      'grpc.max_receive_message_length': maxBodyBytes,
      'grpc.max_send_message_length': maxBodyBytes,
      'grpc-node.flow_control_window': WINDOW_BYTES,
      // One server a port: a second one is told so, and is not given every other connection.
      'grpc.so_reuseport': 0,
    });
    const services = [inferenceService(context), predictionService(context), modelService(context)];
    for (const service of services) {
      this.#server.addService(...implement(service, { onError, streams: this.#streams }));
    }
    const names = services.map(({ name }) => name);
    this.#server.addService(...healthService(names, () => models.isReady, this.#streams));
  }

  /** @throws Error if it cannot listen there */
  listen(port: number, host: string): Promise<AddressInfo> {
    const isV6 = host.includes(':');
    const address = `${isV6 ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve({ port: bound, address: host, family: isV6 ? 'IPv6' : 'IPv4' });
        else reject(error);
      });
    });
  }

  /** Takes no more calls, lets those under way end, and closes the connections. */
  async close(): Promise<void> {
    for (const end of this.#streams) end();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, CLOSE_MS);
      this.#server.tryShutdown(() => resolve());
    });
    clearTimeout(timer);
  }
}

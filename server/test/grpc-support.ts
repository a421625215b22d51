import { Client, Metadata, credentials, status, type ServiceError } from '@grpc/grpc-js';

import { serve, type Running } from './support';
import type { ServerOptions } from '@onlite/server';
import { encode, type Message, type Value } from './protobuf';

export const V2 = '/inference.GRPCInferenceService/';
export const PREDICTION = '/tensorflow.serving.PredictionService/';
export const MODELS = '/tensorflow.serving.ModelService/';
export const HEALTH = '/grpc.health.v1.Health/';

export interface RunningGrpc extends Running {
  readonly client: Client;
  readonly grpcPort: number;
}

export async function serveGrpc(
  models: Readonly<Record<string, string>>,
  options?: ServerOptions,
): Promise<RunningGrpc> {
  const running = await serve(models, options);
  const { port } = await running.server.listenGrpc(0);
  return { ...running, client: newClient(port), grpcPort: port };
}

export const newClient = (port: number): Client =>
  new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    // Channels of one address share a connection otherwise.
    'grpc.use_local_subchannel_pool': 1,
  });

export const asItIs = (bytes: Buffer): Buffer => bytes;

export interface GrpcReply {
  readonly code: status;
  readonly details: string;
  readonly bytes: Buffer;
}

/** One call; a status that is no success is an answer like others. */
export function callGrpc(
  client: Client,
  path: string,
  message: Message | Buffer,
  deadline = 60_000,
  headers: Readonly<Record<string, string>> = {},
): Promise<GrpcReply> {
  const bytes = Buffer.isBuffer(message) ? message : encode(message);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      asItIs,
      asItIs,
      bytes,
      Metadata.fromHttp2Headers({ ...headers }),
      { deadline: Date.now() + deadline },
      (error: ServiceError | null, value?: Buffer) =>
        resolve({
          code: error?.code ?? status.OK,
          details: error?.details ?? '',
          bytes: value ?? Buffer.alloc(0),
        }),
    );
  });
}

/** A request of ModelInfer. */
export const infer = (model: string, inputs: readonly Message[], more: Message = []): Message => [
  [1, model],
  ...inputs.map((input): readonly [number, Value] => [5, input]),
  ...more,
];

export const input = (
  name: string,
  datatype: string,
  shape: readonly number[],
  more: Message = [],
): Message => [
  [1, name],
  [2, datatype],
  ...shape.map((dim): readonly [number, Value] => [3, dim]),
  ...more,
];

export const raw = (...values: number[]): readonly [number, Buffer] => [
  7,
  Buffer.from(Float32Array.from(values).buffer),
];

/** A parameter, which is an int64, a string or a bool. */
export const parameter = (
  field: number,
  name: string,
  value: bigint | string | boolean,
): readonly [number, Message] => [
  field,
  [
    [1, name],
    [2, [[typeof value === 'bigint' ? 2 : typeof value === 'string' ? 3 : 1, value]]],
  ],
];

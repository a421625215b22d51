// What is asked over the network, of whom, and what is wanted of it.
import { modelPath } from '../models/models.mjs';
import {
  binaryRequest,
  endsWith,
  floatInputs,
  hasFloats,
  inferMessage,
  jsonRequest,
} from './requests.mjs';

const PIXELS = [1, 3, 224, 224];
const addInputs = floatInputs({ a: [4], b: [4] });
const imageInputs = floatInputs({ x: PIXELS });
const sum = addInputs.a.data.map((value, at) => value + addInputs.b.data[at]);
const negative = imageInputs.x.data.map((value) => -value);

/** The models of all cases but MobileNetV2's, as `startServers` wants them. */
export const models = () => ({
  add: { file: modelPath('add.onnx'), inputs: { a: [4], b: [4] }, outputs: { y: [4] } },
  image: { file: modelPath('image.onnx'), inputs: { x: PIXELS }, outputs: { y: PIXELS } },
});

const http = (request, connections) => (server) => ({
  kind: 'http',
  port: server.port,
  request,
  connections,
});

const GRPC_PATH = '/inference.GRPCInferenceService/ModelInfer';
const grpc = (message) => (server) => ({
  kind: 'grpc',
  port: server.grpcPort,
  path: GRPC_PATH,
  message,
  connections: 1,
  streams: 4,
});

/**
 * `model`: its name; `load`: what the client is told for a server; `check`: fails for an answer that is wrong;
 * `servers`: who is asked; `ratios`: [what is divided, by what, what is wanted of it]; `atMost`: of our own
 * CPU time, in nanoseconds.
 */
export const cases = [
  {
    model: 'add',
    what: 'Add of 4 floats, binary, 16 connections',
    figure: 'served: Add of 4 floats, CPU per request',
    load: http(binaryRequest('add', addInputs), 16),
    check: (body) => endsWith(body, sum),
    servers: ['onlite', 'echo', 'triton', 'kserve'],
    ratios: [
      ['onlite', 'echo', { atMost: 1.6 }],
      ['triton', 'onlite', { atLeast: 1.3 }],
      ['kserve', 'onlite', { atLeast: 12 }],
    ],
  },
  {
    model: 'image',
    what: '600 KB of floats in and out, binary, 4 connections',
    figure: 'served: 600 KB of floats in and out, CPU per request',
    load: http(binaryRequest('image', imageInputs), 4),
    check: (body) => endsWith(body, negative),
    servers: ['onlite', 'echo', 'triton', 'kserve'],
    ratios: [
      ['onlite', 'echo', { atMost: 1.5 }],
      ['triton', 'onlite', { atLeast: 1.5 }],
      ['kserve', 'onlite', undefined],
    ],
  },
  {
    model: 'image',
    what: 'the same floats in JSON, 4 connections',
    figure: 'served: 600 KB of floats in JSON, CPU per request',
    load: http(jsonRequest('image', imageInputs), 4),
    check: (body) => hasFloats(body, negative),
    servers: ['onlite', 'triton'],
    ratios: [['triton', 'onlite', { atLeast: 3 }]],
  },
  {
    model: 'add',
    what: 'gRPC, Add of 4 floats, 4 calls at a time',
    figure: 'served: gRPC, 16 B and 600 KB, CPU per request',
    load: grpc(inferMessage('add', addInputs)),
    check: (body) => endsWith(body, sum),
    servers: ['onlite', 'node:http2', 'triton'],
    ratios: [
      ['onlite', 'node:http2', undefined],
      ['triton', 'onlite', undefined],
    ],
    atMost: 37_000,
  },
  {
    model: 'image',
    what: 'gRPC, 600 KB of floats in and out, 4 calls at a time',
    figure: 'served: gRPC, 16 B and 600 KB, CPU per request',
    load: grpc(inferMessage('image', imageInputs)),
    check: (body) => endsWith(body, negative),
    servers: ['onlite', 'node:http2', 'triton'],
    ratios: [
      ['onlite', 'node:http2', undefined],
      ['triton', 'onlite', undefined],
    ],
    atMost: 1_060_000,
  },
];

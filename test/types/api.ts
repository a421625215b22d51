// Checked by `npm run test:types`; never run.
import type { Tensor as CommonTensor } from 'onnxruntime-common';
import {
  InferenceSession,
  LatencyHistogram,
  OnliteError,
  Tensor,
  TensorPool,
  dequantize,
  openServerSocket,
  parseNumbers,
  printNumberRows,
  printNumbers,
  quantize,
  runtimeInfo,
  type ElementType,
  type ModelProfile,
  type OnliteErrorCode,
  type OnnxValue,
  type ServerSocket,
  type SessionHandle,
  type TensorDataMap,
  type ValueMetadata,
} from 'onlite';
import { Interpreter } from 'onlite/tflite';
import { compareModels } from 'onlite/optimize';
import { metricsText, observeWith, registerWith, traceWith } from 'onlite/metrics';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function expectTrue<T extends true>(): T;

// The class of `data` follows from the element type.
expectTrue<Equal<Tensor<'int8'>['data'], Int8Array>>();
expectTrue<Equal<Tensor<'uint8'>['data'], Uint8Array>>();
expectTrue<Equal<Tensor<'float32'>['data'], Float32Array>>();
expectTrue<Equal<Tensor<'float16'>['data'], Uint16Array>>();
expectTrue<Equal<Tensor<'int64'>['data'], BigInt64Array>>();
expectTrue<Equal<Tensor<'string'>['data'], string[]>>();
expectTrue<Equal<keyof TensorDataMap, ElementType>>();

const bytes = new Tensor('int8', new Int8Array(3), [3]);
expectTrue<Equal<typeof bytes, Tensor<'int8'>>>();
const words = new Tensor('string', ['a']);
expectTrue<Equal<typeof words.data, string[]>>();
new Tensor('int64', [1, 2]);
new Tensor('bool', [true, false]);
// @ts-expect-error -- the wrong typed array
new Tensor('int8', new Float32Array(3));
// @ts-expect-error -- no such element type
new Tensor('float31', new Float32Array(3));
// @ts-expect-error -- dims are numbers
new Tensor('int8', new Int8Array(3), ['3']);

export async function program(common: CommonTensor): Promise<void> {
  const session = await InferenceSession.create('model.onnx', {
    executionProviders: ['cuda', { name: 'cpu', useArena: false }],
    intraOpNumThreads: 1,
    concurrency: 2,
    extra: { session: { disable_prepacking: '1' } },
  });
  await InferenceSession.create(new URL('file:///model.tflite'));
  await InferenceSession.create(new ArrayBuffer(8), 0, 8, { maxQueue: 1 });
  // @ts-expect-error -- an unknown option
  await InferenceSession.create('model.onnx', { threads: 1 });
  // @ts-expect-error -- a byte offset needs a buffer
  await InferenceSession.create('model.onnx', 0, 8);

  // A tensor of onnxruntime-common's is as good as ours.
  const results = await session.run({ a: common, b: bytes }, ['y'], { timeoutMs: 5 });
  const output: Tensor | undefined = results['y'];
  using pool = new TensorPool();
  await session.run({ a: common }, { pool, timeoutMs: 5 });
  session.runSync({ a: common }, ['y'], { pool });
  // @ts-expect-error -- a pool is not its options
  session.runSync({ a: common }, { pool: { maxBytes: 1 } });
  const classified = await session.run<{ probabilities: OnnxValue[] }>({ a: common });
  const first: OnnxValue | undefined = classified.probabilities[0];
  session.runSync({ a: { type: 'float32', data: new Float32Array(1), dims: [1] } }, { y: null });
  // @ts-expect-error -- a feed is a tensor
  session.runSync({ a: 1 });

  for (const value of session.inputMetadata) describe(value);
  const p99: number = session.latency.invoke.percentile(99);
  const count: number = session.latency.total.snapshot().count;
  const interval: LatencyHistogram = session.latency.interval().total;
  const timedOut: number | undefined = session.latency.failures.ERR_TIMEOUT?.count;
  interval.record(process.hrtime.bigint());
  // @ts-expect-error -- a session's histogram records its runs alone
  session.latency.total.record(1);
  // @ts-expect-error -- not a number of digits
  new LatencyHistogram({ significantDigits: 4 });
  const profile: ModelProfile = await session.profile({ a: common }, { runs: 3 });
  const kernel: string | undefined = profile.operators[0]?.kernel;
  // @ts-expect-error -- a number
  await session.profile({ a: common }, { runs: '3' });
  const engine: 'onnxruntime' | 'tflite' = session.engine;
  const loaded: boolean = runtimeInfo({ load: true }).runtimes.tflite.loaded;
  const small = quantize(new Tensor('float32', [1]), { scale: [1], zeroPoint: [0] }, 'int8');
  expectTrue<Equal<typeof small, Tensor<'int8'>>>();
  const real: Tensor<'float32'> = dequantize(small, { scale: [1], zeroPoint: [0] });
  await session.release();
  await using disposed = session;
  void [kernel, output, first, p99, count, timedOut, engine, loaded, real, disposed];
}

function describe(value: ValueMetadata): string {
  // Only a tensor has an element type and a shape.
  if (value.isTensor) return `${value.type} ${value.shape.join()}`;
  // @ts-expect-error -- a sequence has none
  return value.shape;
}

export function handle(error: unknown): OnliteErrorCode | undefined {
  if (!(error instanceof OnliteError)) return undefined;
  // @ts-expect-error -- not a code
  if (error.code === 'ERR_NONSENSE') return undefined;
  return error.code;
}

// The tensor's type follows from the name of the element type.
const parsed = parseNumbers(Buffer.from('[1]'), 'int64', undefined, { partial: true, dims: [1] });
expectTrue<Equal<typeof parsed.tensor, Tensor<'int64'>>>();
expectTrue<Equal<typeof parsed.end, number>>();
parseNumbers(new Uint8Array(3), 'float32', new Float32Array(1));
parseNumbers(new Uint8Array(3), 'int8', bytes);
// @ts-expect-error -- the wrong typed array
parseNumbers(new Uint8Array(3), 'float32', new Float64Array(1));
// @ts-expect-error -- strings are no numbers
parseNumbers(new Uint8Array(3), 'string');
// @ts-expect-error -- text is bytes
parseNumbers('[1]', 'int8');
expectTrue<Equal<ReturnType<typeof printNumbers>, Buffer>>();
printNumbers({ type: 'float32', data: new Float32Array(1), dims: [1] }, { layout: 'flat' });
expectTrue<Equal<ReturnType<typeof printNumberRows>['ends'], Float64Array>>();
// @ts-expect-error -- rows have no layout
printNumberRows(bytes, { layout: 'flat' });

// onlite/metrics takes the real registries, providers and tracers, without importing their types.
declare const registry: import('prom-client').Registry;
declare const meters: import('@opentelemetry/api').MeterProvider;
declare const tracer: import('@opentelemetry/api').Tracer;
expectTrue<Equal<ReturnType<typeof metricsText>, string>>();
const stops: (() => void)[] = [
  registerWith(registry, { buckets: [0.001, 0.1] }),
  observeWith(meters, { histogram: true }),
  traceWith(tracer, { phases: 'events' }),
];
void stops;
// @ts-expect-error -- no such option
metricsText({ bucket: [1] });

// As Python's, with what is known of each tensor.
declare const interpreter: Interpreter;
expectTrue<Equal<ReturnType<Interpreter['getInputDetails']>[number]['dtype'], ElementType>>();
interpreter.setTensor(0, new Int8Array(3));
interpreter.setTensor(0, new Tensor('int8', [1]));
const runSignature = interpreter.getSignatureRunner();
expectTrue<Equal<ReturnType<typeof runSignature>, Record<string, Tensor>>>();
void Interpreter.create({ modelPath: 'm.tflite', numThreads: 2 });
// @ts-expect-error -- Python's spelling
void Interpreter.create({ model_path: 'm.tflite' });

export async function compared(a: InferenceSession, b: InferenceSession): Promise<number> {
  const feeds = { x: new Tensor('float32', [1], [1]) };
  const options = { temperature: 2, task: 'classification' } as const;
  const { candidates, quality } = await compareModels([a, b], [{ feeds, labels: [1] }], options);
  // @ts-expect-error -- a sample has feeds
  await compareModels([a, b], [{ labels: [1] }]);
  // @ts-expect-error -- no such task
  await compareModels([a, b], [], { task: 'guessing' });
  const [first] = quality ?? [];
  // Which figures there are depends on what the labels are.
  if (first?.kind === 'classification') return first.accuracy;
  return candidates[0]?.outputs[0]?.difference.sqnr ?? first?.r2 ?? NaN;
}

export async function share(session: InferenceSession): Promise<void> {
  const handle: SessionHandle = session.share();
  // Not a promise: nothing is loaded.
  const attached: InferenceSession = InferenceSession.attach(structuredClone(handle));
  await attached.release();
  // @ts-expect-error a token alone is no handle
  InferenceSession.attach(handle.token);

  const socket: ServerSocket = openServerSocket({ host: '::1', port: 0, reusePort: true });
  expectTrue<Equal<typeof socket.family, 'IPv4' | 'IPv6'>>();
  // @ts-expect-error it does not listen yet
  openServerSocket({ backlog: 5 });
}

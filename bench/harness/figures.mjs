/** The project's figures to reach, in order; the rows that decide one name it as their `figure`. */
export const figures = [
  'bound `runSync`, Add, latency on / off',
  'bound `runSync` over ordinary arrays, Add',
  '`runSync(feeds)` without binding, Add',
  'bound `runSync`, 1,000,000 floats',
  'MobileNetV2 float32/int8, both runtimes, bound',
  'async `run`, Add, one at a time',
  'async, Add, 64 in flight: 64 bindings of one session / `run(feeds)`',
  'MobileNetV2, 4 in flight, intra-op 1',
  'event-loop delay during that',
  'bound run, 1,000,000 runs',
  'batching, Gemm 256→256→10 float32, closed loop, 64 in flight',
  "`require('onlite')`",
  'session creation, each MobileNetV2 file, warm file cache',
  'a model with large weights by path: time and peak of creation',
  'await run(feeds) / onnxruntime-node',
  'carried state, decoder of 256 steps and Silero frames / raw C',
  'pool acquire + dispose',
  'a further TensorFlow Lite interpreter',
  'idle, and Add at 100 runs a second',
  '`record()` from one thread / from two at once',
  'recording, added to a bound `runSync`',
  'a snapshot of one histogram',
  'p99 of the tiny model while Prometheus scrapes',
  'numbers in JSON: parse and print, 150,528 floats',
  'served: Add of 4 floats, CPU per request',
  'served: 600 KB of floats in and out, CPU per request',
  'served: 600 KB of floats in JSON, CPU per request',
  'served: gRPC, 16 B and 600 KB, CPU per request',
  'served: MobileNetV2, throughput / in process',
  'served: two worker threads of one process / one',
  'served: new versions under load',
  'served: hostile clients',
  'served: SIGTERM under load',
  'served: overload',
  'served: a soak at half load',
  'simplified: nodes / the fewest of the references',
  'quantised: SQNR above the best reference',
  'quantised: latency / the fastest reference whose accuracy holds',
  'quantised: uneven depthwise, accuracy',
  'quantised: encoder, SQNR',
  'quantised: ResNet, MobileNetV2 and encoder, speed against float',
  'quantising: time and peak memory / Python',
  'calibration alone: time and peak memory / Python',
  'quantised TensorFlow Lite: SQNR above the best reference',
  'quantised TensorFlow Lite: latency / the fastest reference of 20 dB',
  'quantised TensorFlow Lite: speed against float, pools and hard swishes, encoder',
  "quantised TensorFlow Lite: delegated parts / those of TensorFlow's converter",
  'quantising TensorFlow Lite: time and peak memory / ai-edge-quantizer',
  'pruned without training: ResNet, accuracy',
  'pruned: ResNet, time that is left / multiplications that are left',
  'quantising 1 GiB and 3 GiB of weights: peak memory',
];

/**
 * 'met', 'missed', 'not measured' (a row was skipped), 'undecided' (within what the measurement varies), or
 * undefined if no row was asked for.
 */
export function verdict(figure, rows) {
  const own = rows.filter((row) => row.figure === figure && row.target);
  if (own.length === 0) return undefined;
  if (own.some((row) => row.met === false || row.failed)) return 'missed';
  if (own.some((row) => row.skipped)) return 'not measured';
  return own.some((row) => row.undecided) ? 'undecided' : 'met';
}

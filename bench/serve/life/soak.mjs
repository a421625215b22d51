// Hours of a server in some minutes: does what it holds grow?
import { CliServer } from './cli-server.mjs';
import { failures, quantile } from './answers.mjs';

/** Samples that follow each other are alike: of so many each only the mean is one of its own. */
const BATCH = 10;
/** Student's t, two-sided 95 %, for some tens of degrees of freedom. */
const T95 = 2.0;

/** {slope, interval} of a line through points, by least squares. */
function lineThrough(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  const slope = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
  const left = points.reduce((sum, [at, value]) => sum + (value - y - slope * (at - x)) ** 2, 0);
  const error = T95 * Math.sqrt(left / (points.length - 2) / spread);
  return { slope, interval: [slope - error, slope + error] };
}

const batches = (samples) =>
  Array.from({ length: Math.floor(samples.length / BATCH) }, (_, index) => {
    const batch = samples.slice(index * BATCH, (index + 1) * BATCH);
    const mean = (of) => batch.reduce((sum, sample) => sum + of(sample), 0) / BATCH;
    return [mean(([at]) => at), mean(([, bytes]) => bytes)];
  });

/** @returns {slope, interval} in bytes a second, without the first fifth; the sizes; and of the requests */
export async function soak(load, { file, request, share, minutes, progress }) {
  const server = await CliServer.start([`add=${file}`]);
  try {
    const { port } = server;
    await load.capacity({ port, request, seconds: 2, connections: 8 });
    const capacity = await load.capacity({ port, request, seconds: 4, connections: 8 });
    const running = load.run({ port, request, perSecond: share * capacity, seconds: minutes * 60 });
    const start = performance.now();
    const samples = [];
    const timer = setInterval(() => {
      const at = (performance.now() - start) / 1000;
      samples.push([at, server.resident]);
      progress(`${(at / 60).toFixed(1)} of ${minutes} minutes`);
    }, 1000);
    const result = await running.finally(() => clearInterval(timer));
    const steady = samples.slice(Math.floor(samples.length / 5));
    return {
      ...lineThrough(batches(steady)),
      first: steady[0][1],
      last: steady.at(-1)[1],
      capacity,
      asked: result.at.length,
      failed: failures(result),
      p99: quantile(result.ms, 0.99),
      details: { samples },
    };
  } finally {
    await server.end();
  }
}

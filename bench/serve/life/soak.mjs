// Hours of a server in some minutes: does what it holds grow?
import { CliServer } from './cli-server.mjs';
import { failures, quantile } from './answers.mjs';

/**
 * Samples that follow each other are alike, as the heap grows for minutes until it is collected: of as many as
 * this only the means count.
 */
const BATCHES = 12;
/** Student's t, two-sided 95 %, with two degrees of freedom less. */
const T95 = 2.228;

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

/** {slope, interval} in bytes a second of [seconds, bytes], without the first fifth, and sizes at the ends. */
export function growth(samples) {
  const steady = samples.slice(Math.floor(samples.length / 5));
  const size = Math.floor(steady.length / BATCHES);
  const means = Array.from({ length: BATCHES }, (_, index) => {
    const batch = steady.slice(index * size, (index + 1) * size);
    const mean = (of) => batch.reduce((sum, sample) => sum + of(sample), 0) / size;
    return [mean(([at]) => at), mean(([, bytes]) => bytes)];
  });
  const least = (part) => Math.min(...part.map(([, bytes]) => bytes));
  const half = steady.length / 2;
  return {
    ...lineThrough(means),
    first: least(steady.slice(0, half)),
    last: least(steady.slice(half)),
  };
}

/** @returns what `growth` says, and of the requests */
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
    return {
      ...growth(samples),
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

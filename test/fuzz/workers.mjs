// Workers that play rounds of their own and end at random moments, while the main thread goes on.
import { Worker } from 'node:worker_threads';

import { Random } from '../stress/hostile/random.mjs';
import { engines } from './options.mjs';

const script = new URL('round-worker.mjs', import.meta.url);
const sideBySide = 2;

/**
 * Starts workers until it is told to stop.
 *
 * @param world - of the main thread's round, which fails if a worker's does
 * @returns how to stop: waits for the last of them
 */
export function startWorkers(world, settings) {
  const random = Random.for('workers', settings.engine, settings.seed);
  let isStopped = false;
  const lanes = Array.from({ length: sideBySide }, async () => {
    while (!isStopped && world.failure === undefined) await playWorker(world, settings, random);
  });
  return async () => {
    isStopped = true;
    await Promise.all(lanes);
  };
}

async function playWorker(world, { patience }, random) {
  const end = random.pick(['terminate', 'terminate', 'exit', 'throw', 'itself']);
  const delay = random.below(random.pick([20, 200, 800]));
  const seed = random.below(2 ** 31);
  const steps = end === 'itself' ? 30 : 1e6;
  const settings = { engine: random.pick(engines), seed, steps, patience };
  world.count(`worker ends by ${end}`);
  const worker = new Worker(script, { workerData: { settings, end, delay } });
  const timer = end === 'terminate' && setTimeout(() => void worker.terminate(), delay);
  const what = `worker of ${settings.engine}, seed ${seed}, ends by ${end} after ${delay} ms`;
  let hasResult = false;
  worker.on('message', ({ failure, checks }) => {
    hasResult = true;
    world.checks += checks;
    if (failure === undefined) return;
    world.fail(`${what}: at its step ${failure.step} (${failure.operation}) ${failure.message}`);
  });
  worker.on('error', (error) => {
    if (error.message !== 'on purpose') world.fail(`${what}: ${error.stack ?? error}`);
  });
  // Ends by 'exit' in each of the ways, 'error' comes before.
  await new Promise((resolve) => worker.once('exit', resolve));
  clearTimeout(timer);
  if (end === 'itself' && !hasResult) world.fail(`${what}: ended without a result`);
}

// Attaches the session of workerData.handle and runs it in the ways that it is asked to.
import { parentPort, workerData } from 'node:worker_threads';

import { InferenceSession, Tensor } from 'onlite';

let session;
let posted;
const tensor = ({ type, data, dims }) => new Tensor(type, data, dims);
const plain = ({ type, data, dims }) => ({ type, data: data.slice(), dims });
const feedsOf = (feeds) =>
  Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, tensor(value)]));
const plainResult = (result) =>
  Object.fromEntries(Object.entries(result).map(([name, value]) => [name, plain(value)]));

const tasks = {
  attach({ handle }) {
    session = InferenceSession.attach(handle);
    const { name, engine, concurrency, inputMetadata, outputMetadata, signatures } = session;
    return { name, engine, concurrency, inputMetadata, outputMetadata, signatures };
  },
  async ways({ feeds }) {
    const inputs = feedsOf(feeds);
    const io = session.bind({ inputs });
    const results = { run: await session.run(inputs), runSync: session.runSync(inputs) };
    await io.run();
    results.bound = io.outputs;
    const asynchronous = plainResult(results.bound);
    io.runSync();
    const synchronous = plainResult(io.outputs);
    io.dispose();
    return {
      run: plainResult(results.run),
      runSync: plainResult(results.runSync),
      bound: asynchronous,
      boundSync: synchronous,
    };
  },
  /** Starts runs, whose outcomes `posted` gives. */
  post({ feeds, count }) {
    posted = Promise.allSettled(Array.from({ length: count }, () => session.run(feedsOf(feeds))));
  },
  async posted() {
    const settled = await posted;
    return {
      results: settled.flatMap(({ value }) => (value === undefined ? [] : [plainResult(value)])),
      codes: settled.flatMap(({ reason }) => (reason === undefined ? [] : [reason.code])),
    };
  },
  run(runs) {
    tasks.post(runs);
    return tasks.posted();
  },
  runs() {
    return { runs: session.latency.counters.runs, inline: session.inlineRuns };
  },
  reset() {
    session.latency.reset();
  },
  async metrics() {
    const { metricsText } = await import('onlite/metrics');
    return { text: await metricsText() };
  },
  async profile({ feeds, options }) {
    const profile = await session.profile(feedsOf(feeds), options);
    return { operators: profile.operators.length };
  },
  async release() {
    await session.release();
  },
};

parentPort.on('message', async ({ id, task, ...data }) => {
  try {
    parentPort.postMessage({ id, ...(await tasks[task](data)) });
  } catch (error) {
    parentPort.postMessage({ id, code: error.code ?? 'no code', message: error.message });
  }
});
if (workerData.handle !== undefined) tasks.attach(workerData);
parentPort.postMessage({ id: 0 });

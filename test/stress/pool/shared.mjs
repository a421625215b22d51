// A worker writes a shared tensor's memory; nothing is copied.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { TensorPool } from 'onlite';

if (isMainThread) {
  const pool = new TensorPool({ shared: true });
  const tensors = [pool.acquire('int32', [1000]), pool.acquire('int32', [1 << 20])];
  const workerData = tensors.map(({ data }) => data);
  const worker = new Worker(new URL(import.meta.url), { workerData });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const right = tensors.map(({ data }) => data.every((value, index) => value === index + 1));
  await worker.terminate();
  console.log(JSON.stringify({ right }));
} else {
  for (const data of workerData)
    for (let index = 0; index < data.length; index += 1) data[index] = index + 1;
  parentPort.postMessage('done');
}

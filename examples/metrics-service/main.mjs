// A model behind HTTP, watched by Prometheus. usage: main.mjs [--port PORT] [MODEL]
//
// POST /run      the first input's elements as little-endian float32, or nothing for zeros;
//                answers with each output's shape and first elements
// GET  /latency  the same session's percentiles, in nanoseconds
// GET  /metrics  for Prometheus; prometheus.yml beside this file scrapes it
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { InferenceSession, OnliteError } from 'onlite';
import { createHandler } from 'onlite/metrics';

import { feedsOf } from './feeds.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '9464' } },
});
const [model = fileURLToPath(new URL('../../models/hey_jarvis.tflite', import.meta.url))] =
  positionals;

const session = await InferenceSession.create(model, { maxQueue: 64 });
const metrics = createHandler({ eventLoopDelay: true });

async function run(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const outputs = await session.run(feedsOf(session, Buffer.concat(chunks)), { timeoutMs: 1000 });
  const described = Object.entries(outputs).map(([name, { dims, data }]) => [
    name,
    { dims, first: Array.from(data.slice(0, 8), Number) },
  ]);
  response.setHeader('Content-Type', 'application/json');
  response.end(`${JSON.stringify(Object.fromEntries(described))}\n`);
}

/** What the client did wrong, what there is too much of, and everything else. */
function statusOf(error) {
  if (!(error instanceof OnliteError)) return 500;
  if (error.code === 'ERR_QUEUE_FULL' || error.code === 'ERR_TIMEOUT') return 503;
  return error.code === 'ERR_RUN_FAILED' ? 500 : 400;
}

const server = createServer((request, response) => {
  if (request.url === '/latency') {
    response.setHeader('Content-Type', 'application/json');
    response.end(`${JSON.stringify(session.latency.snapshot())}\n`);
    return;
  }
  if (request.method !== 'POST' || request.url !== '/run') {
    metrics(request, response);
    return;
  }
  run(request, response).catch((error) => {
    response.statusCode = statusOf(error);
    response.end(`${error.code ?? 'error'}\n`);
  });
});

server.listen(Number(options.port), '127.0.0.1', () => {
  const { port } = server.address();
  console.log(`${basename(model)} on http://127.0.0.1:${port}/run, /metrics`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => void session.release());
    server.closeAllConnections();
  });
}

// node onlite.mjs OPTIONS: serves models. OPTIONS is JSON: `models`, files by name; `grpc`, whether there too;
// `serving`, how each of them is served; `servings`,
// how some of them are, by name; `server`, what `createServer` takes; `processes`, how many of node:cluster
// listen on the port, if any.
// Prints {port, grpcPort, workers}, of a cluster once for all; `workers` is how many threads it has started.
import cluster from 'node:cluster';

import { createServer } from '@onlite/server';

const config = JSON.parse(process.argv[2]);
const {
  models,
  serving,
  servings = {},
  grpc = false,
  server: options = {},
  processes = 0,
} = config;

let workers = 0;
process.on('worker', () => (workers += 1));

async function serve() {
  const server = createServer(options);
  const session = { intraOpNumThreads: 1 };
  for (const [name, file] of Object.entries(models)) {
    await server.load({ name, version: '1', file, session, serving: servings[name] ?? serving });
  }
  const { port } = await server.listen(0);
  const { port: grpcPort } = grpc ? await server.listenGrpc(0) : {};
  return { port, grpcPort, workers };
}

if (processes === 0) console.log(JSON.stringify(await serve()));
else if (cluster.isPrimary) {
  const listening = [];
  cluster.on('message', (_worker, where) => {
    if (listening.push(where) === processes) console.log(JSON.stringify(where));
  });
  for (let index = 0; index < processes; index += 1) cluster.fork();
} else process.send(await serve());

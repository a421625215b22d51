// node load.mjs, with an IPC channel of 'advanced' serialization: the client of the benchmark of serving, in a
// process of its own. A message {open: {kind: 'http' | 'grpc', …}} opens connections, {once: true} asks
// once and gives the answer's body, {ms} asks for so long and gives {requests, seconds}, {close: true} closes. Each
// is answered with {result} or {error}.
import { openGrpc } from './grpc-load.mjs';
import { openHttp } from './http-load.mjs';

const kinds = { http: openHttp, grpc: openGrpc };
let load;

/** One request after another on each lane, until the time is over and all are answered. */
async function run(lanes, ms) {
  const start = performance.now();
  const end = start + ms;
  let requests = 0;
  const drive = async (ask) => {
    do {
      await ask();
      requests += 1;
    } while (performance.now() < end);
  };
  await Promise.all(lanes.map(drive));
  return { requests, seconds: (performance.now() - start) / 1000 };
}

async function answer({ open, once, ms, close }) {
  if (open) {
    const { kind, ...options } = open;
    load = await kinds[kind](options);
  } else if (once) return load.once();
  else if (close) load?.close();
  else return run(load.lanes, ms);
  return undefined;
}

process.on('message', (message) => {
  answer(message).then(
    (result) => process.send({ result }),
    (error) => process.send({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());

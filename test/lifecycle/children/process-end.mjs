// Ends the process in the way and after the milliseconds given, while runs of
// both runtimes are in flight and waiting.
import { report } from './cases.mjs';
import { createLong, createSmall, runLong, sleep, smallFeeds, smallModel } from './models.mjs';
import { InferenceSession } from 'onlite';

const [way, delay] = process.argv.slice(2);
let ending = false;
let started = 0;
let settled = 0;

async function keepBusy(start) {
  while (!ending) {
    started++;
    try {
      await start();
    } finally {
      settled++;
    }
  }
}

const sessions = [];
for (const engine of ['onnxruntime', 'tflite']) {
  const long = await createLong(engine, { concurrency: 2 });
  const small = await createSmall(engine);
  sessions.push(long, small);
  for (let lane = 0; lane < 3; lane++) keepBusy(() => runLong(long, 2));
  for (let lane = 0; lane < 8; lane++) keepBusy(() => small.run(smallFeeds()));
}

const ways = {
  return: () => {
    ending = true;
    process.on('exit', () => report({ started, settled }));
  },
  exit: () => process.exit(7),
  'exit in a completion': () => {
    sessions[1].run(smallFeeds()).then(() => process.exit(7));
  },
  'exit after a release': () => {
    for (const session of sessions) session.release();
    process.exit(7);
  },
  'exit while creating': () => {
    for (const engine of ['onnxruntime', 'tflite']) {
      for (let index = 0; index < 4; index++) InferenceSession.create(smallModel(engine));
    }
    // The calls reach native code in the next turn at the latest.
    setTimeout(() => process.exit(7), Number(delay) % 3);
  },
  'a synchronous run in an exit listener': () => {
    process.on('exit', () => {
      sessions[1].runSync(smallFeeds());
      sessions[1].run(smallFeeds());
    });
    process.exit(7);
  },
  uncaught: () => {
    setTimeout(() => {
      throw new Error('on purpose');
    });
  },
  rejection: () => {
    Promise.reject(new Error('on purpose'));
  },
  // The test sends them.
  SIGTERM: () => {},
  SIGINT: () => {},
  'SIGTERM with a listener': () => process.on('SIGTERM', () => process.exit(7)),
};

const end = ways[way];
if (/^SIG/.test(way)) end();
report({ ready: true });
await sleep(Number(delay));
if (!/^SIG/.test(way)) end();

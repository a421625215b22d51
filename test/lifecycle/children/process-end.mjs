// Ends the process in the way and after the milliseconds given, while runs of
// both runtimes are in flight and waiting.
import { InferenceSession } from 'onlite';

import { report } from './cases.mjs';
import { sleep, smallFeeds, smallModel } from './models.mjs';
import { Traffic } from './traffic.mjs';

const [way, delay] = process.argv.slice(2);
const traffic = new Traffic();
await traffic.start(['onnxruntime', 'tflite']);
const [, small] = traffic.sessions;

const ways = {
  return: () => {
    traffic.end();
    process.on('exit', () => report({ started: traffic.started, settled: traffic.settled }));
  },
  exit: () => process.exit(7),
  'exit in a completion': () => {
    small.run(smallFeeds()).then(() => process.exit(7));
  },
  'exit after a release': () => {
    for (const session of traffic.sessions) session.release();
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
      small.runSync(smallFeeds());
      small.run(smallFeeds());
    });
    process.exit(7);
  },
  uncaught: () => {
    setTimeout(() => {
      throw new Error('on purpose');
    });
  },
  'the rejection of a run': () => {
    small.run({});
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

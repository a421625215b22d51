// The process ends in the way and after the milliseconds given, while threads have runs of shared
// sessions of both runtimes in flight.
import { report } from './cases.mjs';
import { createLong, runLong } from './models.mjs';
import { SharedThread } from './shared-thread.mjs';

const [way, delay] = process.argv.slice(2);
const sessions = await Promise.all(
  ['onnxruntime', 'tflite'].map((engine) => createLong(engine, { concurrency: 2 })),
);
const threads = sessions.map((session) => new SharedThread(session.share()));
await Promise.all(threads.map((thread) => thread.ready));
await Promise.all(threads.map((thread) => thread.ask('keep', { ms: 3 })));
for (const session of sessions) {
  (async () => {
    for (;;) await runLong(session, 2);
  })().catch(() => {});
}
const ways = {
  exit: () => process.exit(7),
  uncaught: () => {
    throw new Error('on purpose');
  },
  // The test sends it.
  SIGTERM: () => {},
  // Those that share the sessions have let go before.
  'release and exit': () => {
    for (const session of sessions) session.release();
    setImmediate(() => process.exit(7));
  },
};
report({ ready: true });
setTimeout(() => ways[way](), Number(delay));

// Goes wrong in the way that is its argument after one good report, to show
// that the tests would notice.
import { report, runCases } from './cases.mjs';

const way = process.argv[2];
process.argv[2] = 'onnxruntime';
const ways = {
  abort: () => process.kill(process.pid, 'SIGABRT'),
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  hang: () => setInterval(() => {}, 1000),
  'busy hang': () => {
    for (;;);
  },
  'lost promise': () => new Promise(() => {}),
  'failed case': () => {
    throw new Error('on purpose');
  },
  'early end': () => process.exit(0),
};
report({ name: 'before', error: null });
await runCases({ [way]: ways[way] });

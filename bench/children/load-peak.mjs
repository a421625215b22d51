// node load-peak.mjs WARM-MODEL MODEL: prints how far the resident set rises, at its highest, while
// a session of MODEL is created. The session of WARM-MODEL loads the library and everything that is
// paid once.
import { readFileSync, writeFileSync } from 'node:fs';

import { InferenceSession } from 'onlite';

const [warmModel, model] = process.argv.slice(2);

const kilobytes = (key) =>
  Number(
    new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1],
  );

const warm = await InferenceSession.create(warmModel, { intraOpNumThreads: 1 });
globalThis.gc();
writeFileSync('/proc/self/clear_refs', '5'); // the highest so far is what is there now
const before = kilobytes('VmRSS');
const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
console.log(JSON.stringify({ bytes: (kilobytes('VmHWM') - before) * 1024 }));
await session.release();
await warm.release();

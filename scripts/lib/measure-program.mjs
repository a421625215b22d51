// Runs the `main` of a program and leaves what it gave, and what that took, in a file, serialised
// as structured clones are. With `again` it is called once more, which loads nothing.
//   node scripts/lib/measure-program.mjs PROGRAM FILE [again]
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { serialize } from 'node:v8';

const NS_PER_MS = 1e6;
const KIB_PER_MIB = 1024;
const [program, file, again] = process.argv.slice(2);

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const start = performance.now();
const { main } = await import(pathToFileURL(program));
const result = await main();
const ms = performance.now() - start;
// A stall that lasts to here is recorded by the next tick of the timer.
await new Promise((resolve) => setTimeout(resolve, 20));
delay.disable();

const { sharedObjects } = process.report.getReport();
const ran = {
  onnxruntimeNode: sharedObjects.some((path) => path.endsWith('onnxruntime_binding.node')),
  onlite: sharedObjects.some((path) => path.endsWith('onlite.node')),
};
const stallMs = delay.max / NS_PER_MS;
const peakMiB = process.resourceUsage().maxRSS / KIB_PER_MIB;
let againMs;
if (again !== undefined) {
  const before = performance.now();
  await main();
  againMs = performance.now() - before;
}
writeFileSync(file, serialize({ result, ms, againMs, stallMs, peakMiB, ran }));
// Not every package closes what it opened.
process.exit();

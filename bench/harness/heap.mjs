import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { modelPath } from '../models/models.mjs';
import { childScript, runNode } from './child.mjs';
import { rawFile } from './raw.mjs';
import { Skip } from './skip.mjs';
import { hasBindings } from './subject.mjs';

const figure = 'bound run, 1,000,000 runs';

/** What 1,000,000 bound runs leave in the JavaScript heap, and what the addon allocates in them. */
export async function heapAndAllocations(context) {
  const runs = context.isQuick ? 100_000 : 1_000_000;
  const child = (env = {}) => {
    if (!hasBindings()) throw new Skip('session.bind is not there yet');
    const script = childScript('bound-heap.mjs');
    return runNode(['--expose-gc', script, modelPath('add.onnx'), String(runs)], { env });
  };
  await context.case(
    {
      name: `Add, ${runs} bound runs: JavaScript heap growth`,
      unit: 'MB',
      target: { atMost: 1 },
      figure,
    },
    async () => {
      const { json } = await child();
      return { value: json.heapGrowth / 1e6, details: json };
    },
  );
  await context.case(
    {
      name: `Add, ${runs} bound runs: native allocations of the addon`,
      unit: 'count',
      target: { atMost: 0 },
      figure,
    },
    async () => {
      const preload = rawFile('liballocation_counter.so');
      const folder = mkdtempSync(join(tmpdir(), 'onlite-bench-'));
      try {
        const counter = join(folder, 'counter');
        writeFileSync(counter, Buffer.alloc(24));
        const { json } = await child({ LD_PRELOAD: preload, ONLITE_ALLOCATION_COUNTER: counter });
        if (json.allocationsOfCreation === 0) throw new Error('the counter counted nothing at all');
        return { value: json.allocations, details: json };
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
}

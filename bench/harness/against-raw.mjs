import { batchFor, interleave, sampleSync, warmUp } from 'onlite/bench';

import { engineOf, modelPath } from '../models/models.mjs';
import { fromInterleaved } from './context.mjs';
import { rawProgram } from './raw.mjs';

/**
 * A synchronous function's p50 as a ratio to the raw C call of the same model, interleaved.
 *
 * @param mode - which raw call, see RawProgram.load
 */
export async function againstRaw(context, { name, model, run, mode, threads = 1, provider }) {
  const { warmUpMs, sliceMs } = context.pace;
  const raw = await rawProgram(engineOf(model)).load(modelPath(model), { threads, mode, provider });
  try {
    const batch = batchFor(await warmUp(run, { ms: warmUpMs }));
    await raw.latency({ ms: warmUpMs, batch });
    const result = await interleave({
      subject: () => sampleSync(run, { ms: sliceMs, batch }),
      baseline: () => raw.latency({ ms: sliceMs, batch }),
      ...context.repetitions(name),
    });
    return fromInterleaved(result, { batch });
  } finally {
    await raw.unload();
  }
}

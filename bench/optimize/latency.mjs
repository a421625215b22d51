// How long one model takes beside another: in processes of both, slice by slice in turn.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { spread } from 'onlite/bench';

import { childScript, runNode } from '../harness/child.mjs';
import { runPython } from './environments.mjs';

const PACES = {
  quick: { processes: 2, repetitions: 6 },
  full: { processes: 5, repetitions: 24 },
};

/**
 * The candidate's time divided by the reference's, on the first sample of a .npz: the median of all
 * repetitions, as `value`, with its 95 % `interval`, `min` and `max`.
 */
export async function latencyRatio(context, folder, [reference, candidate], sample) {
  const own = mkdtempSync(join(folder, 'latency-'));
  try {
    const inputs = runPython('quantize', 'arrays.py', [sample, own]);
    const { processes, repetitions } = context.isQuick ? PACES.quick : PACES.full;
    const labels = ({ name }) => name !== 'labels';
    const request = join(own, 'request.json');
    const content = { reference, candidate, inputs: inputs.filter(labels), repetitions };
    writeFileSync(request, JSON.stringify(content));
    const ratios = [];
    for (let process = 0; process < processes; process++) {
      ratios.push(...(await runNode([childScript('latency.mjs'), request])).json.ratios);
    }
    const { median, interval, min, max } = spread(ratios);
    return { value: median, interval, min, max };
  } finally {
    rmSync(own, { recursive: true });
  }
}

/** The same as a speed: how often the candidate runs in the reference's time. */
export function asSpeed({ value, interval: [low, high], min, max }) {
  return { value: 1 / value, interval: [1 / high, 1 / low], min: 1 / max, max: 1 / min };
}

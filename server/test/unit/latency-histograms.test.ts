import { expect, it } from 'vitest';

import {
  LATENCY_DOUBLES,
  LATENCY_EDGES,
  LatencyHistograms,
  REQUEST_PHASES,
} from '../../lib/models/latency-histograms';

/** Times between the edges, at them, below and above all of them. */
function times(): number[] {
  const edges = LATENCY_EDGES.map((edge) => edge * 1e3);
  return [0, ...edges, ...edges.map((edge) => edge * 1.01), 1e6];
}

it('count each phase as counting one by one does, of all threads together', () => {
  const threads = 3;
  const memory = new Float64Array(threads * LATENCY_DOUBLES);
  const histograms = Array.from({ length: threads }, (_, at) => new LatencyHistograms(memory, at));
  const recorded = REQUEST_PHASES.map((): number[] => []);
  const all = times();
  for (const [index] of all.entries()) {
    const ends: number[] = [];
    for (const more of [0, 3, 7, 9, 11]) {
      ends.push((ends.at(-1) ?? 0) + (all[(index + more) % all.length] ?? 0));
    }
    const [read = 0, parsed = 0, queued = 0, ran = 0, printed = 0] = ends;
    histograms[index % threads]?.record(4, 0, read, parsed, queued, ran, printed);
    for (const [phase, end] of ends.entries()) recorded[phase]?.push(end - (ends[phase - 1] ?? 0));
    recorded[5]?.push(printed);
  }
  for (const [phase, milliseconds] of recorded.entries()) {
    // Whoever is asked, it is all threads that have counted.
    const values = histograms[phase % threads]?.values(4, phase);
    expect(values?.count).toBe(milliseconds.length);
    expect(values?.counts).toEqual(
      LATENCY_EDGES.map((edge) => milliseconds.filter((value) => value <= edge * 1e3).length),
    );
    expect(values?.sum).toBeCloseTo(milliseconds.reduce((sum, value) => sum + value, 0) / 1e3, 6);
  }
  expect(histograms[0]?.values(3, 0)).toBeUndefined();
  expect(histograms[0]?.seconds('queue')).toBe(histograms[0]?.values(4, 2)?.sum);
});

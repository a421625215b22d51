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
    const [read = 0, parse = 0, run = 0, print = 0] = [0, 3, 7, 11].map(
      (more) => all[(index + more) % all.length],
    );
    histograms[index % threads]?.record(
      4,
      0,
      read,
      read + parse,
      read + parse + run,
      read + parse + run + print,
    );
    const ends = [read, read + parse, read + parse + run, read + parse + run + print];
    recorded[0]?.push(read);
    recorded[1]?.push(ends[1]! - ends[0]!);
    recorded[2]?.push(ends[2]! - ends[1]!);
    recorded[3]?.push(ends[3]! - ends[2]!);
    recorded[4]?.push(ends[3]!);
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
});

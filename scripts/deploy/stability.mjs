// Tests for promtool: what the rules make of the counters of several replicas is the index that onlite/watch gives for all
// their rows together.
import { createRequire } from 'node:module';

import { at } from '../lib/project.mjs';

const CASES = 20;
const REPLICAS = 3;
const ROWS = 400;

/** Park and Miller's generator: the same numbers each time. */
function* drawn(seed) {
  for (let state = seed; ;) {
    state = (state * 48271) % 2147483647;
    yield state / 2147483647;
  }
}

/** Rows of a feature by how a case's values are spread: some leave bins empty. */
function valuesOf(kind, count, next) {
  return Array.from({ length: count }, () => {
    const value = next();
    if (kind === 'same') return value;
    if (kind === 'moved') return 0.3 + value ** 2;
    return kind === 'narrow' ? 0.45 + value / 10 : ['a', 'b', 'c', 'd'][Math.floor(4 * value ** 3)];
  });
}

const KINDS = ['same', 'moved', 'narrow', 'categories'];

/** @returns what `promtool test rules` reads */
export function stabilityTests() {
  const { DriftMonitor, Profiler } = createRequire(import.meta.url)(at('dist/watch/index.js'));
  const numbers = drawn(7);
  const next = () => numbers.next().value;
  const series = [];
  const expected = [];
  for (let index = 0; index < CASES; index++) {
    const kind = KINDS[index % KINDS.length];
    const profiler = new Profiler();
    // A reference of many rows, too, which has shares of less than 0.0001.
    const reference = valuesOf(
      kind === 'categories' ? kind : 'same',
      index < 12 ? 2000 : 20_000,
      next,
    );
    if (index >= 12 && kind !== 'categories') reference.push(-100);
    for (const value of reference) profiler.add({ x: value });
    const profile = profiler.finish();
    const all = new DriftMonitor(profile, { window: REPLICAS * ROWS });
    const feature = `f${index}`;
    for (let replica = 0; replica < REPLICAS; replica++) {
      const one = new DriftMonitor(profile);
      for (const value of valuesOf(kind, ROWS, next)) {
        all.add({ x: value });
        one.add({ x: value });
      }
      const [{ bins, counts, reference: shares }] = one.counts;
      for (const [at, bin] of bins.entries()) {
        const labels = `{instance="${replica}", model="m", version="1", feature="${feature}", bin="${bin}"}`;
        series.push(
          { series: `onlite_watch_feature_bin_total${labels}`, values: `0+${counts[at]}x70` },
          { series: `onlite_watch_feature_bin_reference${labels}`, values: `${shares[at]}x70` },
        );
      }
    }
    const value = all.report().features[0].stabilityIndex;
    // promtool compares exactly.
    const labels = `{model="m", version="1", feature="${feature}"}`;
    expected.push({
      expr: `abs(onlite:watch_feature_psi:1h{feature="${feature}"} - ${value}) < bool 1e-9`,
      eval_time: '65m',
      exp_samples: [{ labels, value: 1 }],
    });
  }
  return {
    rule_files: [at('deploy/prometheus/rules.yaml')],
    evaluation_interval: '1m',
    tests: [{ interval: '1m', input_series: series, promql_expr_test: expected }],
  };
}

import { totalmem, freemem } from 'node:os';

import {
  OUTCOMES,
  phaseDuration,
  queueDuration,
  type ModelRepository,
  type Outcome,
  type ServedModel,
} from '../models';
import type { Family, Sample } from './text';

/** Triton's reasons of what failed. */
const reasons: Readonly<Partial<Record<Outcome, string>>> = {
  overloaded: 'REJECTED',
  unavailable: 'REJECTED',
  cancelled: 'CANCELED',
  timeout: 'CANCELED',
  run_failed: 'BACKEND',
  internal: 'BACKEND',
};
const REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'];

const microseconds = (nanoseconds: number): number => Math.round(nanoseconds / 1e3);

function failures({ statistics }: ServedModel, labels: Readonly<Record<string, string>>): Sample[] {
  const counts = new Map(REASONS.map((reason) => [reason, 0]));
  for (const outcome of OUTCOMES) {
    if (outcome === 'success') continue;
    const reason = reasons[outcome] ?? 'OTHER';
    counts.set(reason, (counts.get(reason) ?? 0) + statistics.outcomes(outcome));
  }
  return [...counts].map(([reason, count]) => [{ ...labels, reason }, count]);
}

/**
 * The metrics of Triton by its names and units, for dashboards that have them. `promtool` refuses them: its
 * counters do not end in `_total` and have microseconds. What a client did wrong counts as a failure, too, which
 * Triton leaves out.
 *
 * @see https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html
 */
export function tritonFamilies(models: ModelRepository): Family[] {
  const loaded = models.all().flatMap(({ model }) => model ?? []);
  const family = (
    name: string,
    help: string,
    value: (model: ServedModel) => number,
    type: Family['type'] = 'counter',
  ): Family => ({
    name: `nv_${name}`,
    type,
    help,
    samples: loaded.map((model) => [labelsOf(model), value(model)]),
  });
  const duration = (name: string, help: string, nanoseconds: (model: ServedModel) => number) =>
    family(
      `inference_${name}_duration_us`,
      `Cumulative ${help} duration in microseconds`,
      (model) => microseconds(nanoseconds(model)),
    );
  return [
    family(
      'inference_request_success',
      'Number of successful inference requests, all batch sizes',
      ({ statistics }) => statistics.success.count,
    ),
    {
      name: 'nv_inference_request_failure',
      type: 'counter',
      help: 'Number of failed inference requests, all batch sizes',
      samples: loaded.flatMap((model) => failures(model, labelsOf(model))),
    },
    family(
      'inference_count',
      'Number of inferences performed (does not include cached requests)',
      ({ statistics }) => statistics.inferences,
    ),
    family(
      'inference_exec_count',
      'Number of model executions performed (does not include cached requests)',
      ({ session }) => phaseDuration(session, 'invoke').count,
    ),
    duration('request', 'inference request', ({ statistics }) => statistics.success.ns),
    duration('queue', 'inference queuing', (model) => queueDuration(model).ns),
    duration('compute_input', 'compute input', ({ session }) => phaseDuration(session, 'bind').ns),
    duration(
      'compute_infer',
      'compute inference',
      ({ session }) => phaseDuration(session, 'invoke').ns,
    ),
    duration(
      'compute_output',
      'inference compute output',
      ({ session }) => phaseDuration(session, 'fetch').ns,
    ),
    gauge('cpu_memory_total_bytes', 'CPU total memory (RAM), in bytes', totalmem()),
    gauge('cpu_memory_used_bytes', 'CPU used memory (RAM), in bytes', totalmem() - freemem()),
  ];
}

const labelsOf = ({ name, version }: ServedModel) => ({ model: name, version });

const gauge = (name: string, help: string, value: number): Family => ({
  name: `nv_${name}`,
  type: 'gauge',
  help,
  samples: [[{}, value]],
});

import { metricsOf, milliseconds, parametersOf, type PublishedRun } from '../publish/published-run';
import type { BenchDocument } from './document';

/** The runs that TensorBoard and MLflow have of a measurement: the settings that were measured. */
export function publishedRuns({ settings, machine }: BenchDocument): PublishedRun[] {
  return settings.flatMap(({ label, setting, model, measured }): PublishedRun[] => {
    if (!measured) return [];
    const { latency, throughput, memory, cpu } = measured;
    const percentiles = latency.percentiles.map(
      ({ percentile, value }) => [`latency_ms/p${percentile}`, milliseconds(value)] as const,
    );
    return [
      {
        name: label,
        parameters: parametersOf({
          ...setting,
          sha256: model.sha256,
          engine: measured.engine,
          executionProviders: measured.executionProviders.join(','),
          cpu: machine.cpu.model,
        }),
        metrics: metricsOf({
          ...Object.fromEntries(percentiles),
          'latency_ms/mean': milliseconds(latency.mean),
          'throughput/runs_per_second': throughput.runsPerSecond,
          'cpu_ms/per_run': milliseconds(cpu.perRunNs),
          'memory/peak_bytes': memory.peak,
          'memory/loaded_bytes': memory.loaded,
          'model/bytes': model.bytes,
        }),
      },
    ];
  });
}

import { metricsOf, milliseconds, parametersOf, type PublishedRun } from '../publish/published-run';
import type { CompareDocument } from './document';

/** The runs that TensorBoard and MLflow have of a comparison: its models. */
export function publishedRuns(document: CompareDocument): PublishedRun[] {
  const { models, comparison, speed, source } = document;
  return models.map(({ label, path, sha256, bytes, engine }, index): PublishedRun => {
    const outputs = comparison.candidates[index - 1]?.outputs ?? [];
    const quality = comparison.quality?.[index];
    const times = speed?.models[index];
    const differences = outputs.flatMap(({ name, difference, agreement }) => [
      [`${name}/max_error`, difference.maxError] as const,
      [`${name}/sqnr_db`, difference.sqnr] as const,
      [`${name}/top1_agreement`, agreement?.top1] as const,
    ]);
    const isClasses = quality?.kind === 'classification';
    return {
      name: label,
      parameters: parametersOf({
        model: path,
        sha256,
        engine,
        source,
        reference: index === 0,
      }),
      metrics: metricsOf({
        ...Object.fromEntries(differences),
        accuracy: isClasses ? quality.accuracy : undefined,
        macro_f1: isClasses ? quality.macro.f1 : undefined,
        mean_absolute_error: isClasses ? undefined : quality?.meanAbsoluteError,
        'latency_ms/p50': milliseconds(times?.p50),
        'latency_ms/p99': milliseconds(times?.p99),
        'memory/peak_bytes': times?.peakMemory,
        speedup: times?.speedup?.ratio,
        'model/bytes': bytes,
      }),
    };
  });
}

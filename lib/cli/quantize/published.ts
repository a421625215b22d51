import { metricsOf, parametersOf, type PublishedRun } from '../publish/published-run';
import type { QuantizeDocument } from './document';

/** The runs that TensorBoard and MLflow have of a quantisation: its candidates. */
export function publishedRuns(document: QuantizeDocument): PublishedRun[] {
  const { candidates, input, target, chosen } = document;
  return candidates.map(({ name, bytes, fidelity, speedup, refused }): PublishedRun => ({
    name,
    parameters: parametersOf({
      model: input.path,
      sha256: input.sha256,
      target,
      chosen: name === chosen,
      refused: refused.join('; ') || 'no',
    }),
    metrics: metricsOf({
      sqnr_db: fidelity.sqnr,
      agreement: fidelity.agreement,
      'accuracy/float': fidelity.accuracy?.[0],
      'accuracy/quantized': fidelity.accuracy?.[1],
      speedup: speedup.ratio,
      'model/bytes': bytes,
      'model/float_bytes': input.bytes,
    }),
  }));
}

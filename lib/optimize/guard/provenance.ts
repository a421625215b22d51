import { cpuModel, int8Support } from '../../cpu';
import type { ModelProto } from '../../formats/onnx';
import type { Guarded } from './guard';

type Measured = Partial<Pick<Guarded, 'fidelity' | 'speedup'>>;

/** A line of JSON for a model's metadata: how it came to be and what was measured, in short. */
export function provenance(
  facts: Readonly<Record<string, unknown>>,
  { fidelity, speedup }: Measured,
): string {
  const measured = { sqnr: fidelity?.sqnr, accuracy: fidelity?.accuracy, speedup: speedup?.ratio };
  const cpu = `${cpuModel()}, ${int8Support().kind}`;
  return JSON.stringify({ ...facts, ...measured, cpu }, (_, fact: unknown) =>
    typeof fact === 'number' ? Number(fact.toPrecision(4)) : fact,
  );
}

/** Gives an ONNX model's metadata that line, in place of an earlier one. */
export function setProvenance(
  model: ModelProto,
  key: string,
  facts: Readonly<Record<string, unknown>>,
  measured: Measured,
): void {
  const value = provenance(facts, measured);
  const others = model.metadataProps.filter((entry) => entry.key !== key);
  model.metadataProps = [...others, { key, value }];
}

import { cpuModel, int8Support } from '../../cpu';
import type { ModelProto } from '../../formats/onnx';
import type { Guarded } from './guard';

/** A model's metadata with a line on how it came to be and what was measured, in short. */
export function setProvenance(
  model: ModelProto,
  key: string,
  facts: Readonly<Record<string, unknown>>,
  { fidelity, speedup }: Partial<Pick<Guarded, 'fidelity' | 'speedup'>>,
): void {
  const measured = { sqnr: fidelity?.sqnr, accuracy: fidelity?.accuracy, speedup: speedup?.ratio };
  const cpu = `${cpuModel()}, ${int8Support().kind}`;
  const value = JSON.stringify({ ...facts, ...measured, cpu }, (_, fact: unknown) =>
    typeof fact === 'number' ? Number(fact.toPrecision(4)) : fact,
  );
  const others = model.metadataProps.filter((entry) => entry.key !== key);
  model.metadataProps = [...others, { key, value }];
}

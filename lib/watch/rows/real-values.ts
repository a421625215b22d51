import { setOwn } from '../../checks';
import type { Quantization, ValueMetadata } from '../../engine/session/metadata';
import type { RowTensors } from './row';

/** Values as they are, with the quantisation that a model's metadata give them. */
export type WithQuantization = (values: RowTensors) => RowTensors;

/**
 * Has quantised inputs or outputs be read as the real numbers that they stand for. Nothing is read
 * before somebody asks, so that a value which cannot be is the error of who does.
 */
export function withQuantization(metadata: readonly ValueMetadata[]): WithQuantization {
  const known = new Map<string, Quantization>();
  for (const value of metadata) {
    if (value.isTensor && value.quantization) known.set(value.name, value.quantization);
  }
  if (known.size === 0) return (values) => values;
  return (values) => {
    const all: Record<string, RowTensors[string]> = { ...values };
    for (const [name, quantization] of known) {
      const tensor = all[name];
      if (!Array.isArray((tensor as typeof tensor | null)?.dims) || !tensor) continue;
      const { type, dims } = tensor;
      setOwn(all, name, {
        type,
        dims,
        quantization,
        get data() {
          return tensor.data;
        },
      });
    }
    return all;
  };
}

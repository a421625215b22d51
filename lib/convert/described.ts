import type { ValueMetadata } from '../engine/session/metadata';
import { elementType, type ElementType } from '../engine/tensor/element-type';
import type { Ends } from '../optimize/compare/contender';

/** An input or output as a converter's program describes it; null is a dimension that is open. */
export interface DescribedValue {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | null)[];
  /** Those that the model knows: others may be an error to it. */
  readonly values?: readonly (string | number)[];
}

/** What a converter's program says of a source and of what it has made. */
export interface Described {
  /** By key, '' where the kind of model has no signatures; missing where onlite itself runs the source. */
  readonly signatures?: Readonly<
    Record<
      string,
      { readonly inputs: readonly DescribedValue[]; readonly outputs: readonly DescribedValue[] }
    >
  >;
  /** Of the packages that have made it. */
  readonly versions: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

function metadata({ name, type, shape }: DescribedValue): ValueMetadata {
  if (elementType(type) === undefined) {
    return { name, isTensor: false, kind: 'other' };
  }
  const dims = shape.map((dim, axis) => dim ?? (axis === 0 ? 'batch' : ''));
  return { name, isTensor: true, type: type as ElementType, shape: dims };
}

/** A source's inputs and outputs, as a session has them. */
export function endsOf(signature: {
  readonly inputs: readonly DescribedValue[];
  readonly outputs: readonly DescribedValue[];
}): Ends {
  return {
    inputMetadata: signature.inputs.map(metadata),
    outputMetadata: signature.outputs.map(metadata),
  };
}

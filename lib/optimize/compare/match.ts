import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import { OnliteError } from '../../errors';
import { layoutOf, type Layout } from './layout';

/** Inputs or outputs of two models that stand for the same thing. */
export interface MatchedValues {
  readonly reference: ValueMetadata;
  readonly candidate: ValueMetadata;
}

/** Outputs of two models that stand for the same numbers. */
export interface MatchedOutput {
  readonly reference: TensorValueMetadata;
  readonly candidate: TensorValueMetadata;
}

/** Which inputs or outputs of two models belong together, and which have no counterpart. */
export interface Matching {
  readonly pairs: readonly MatchedValues[];
  readonly referenceOnly: readonly ValueMetadata[];
  readonly candidateOnly: readonly ValueMetadata[];
}

function described(value: ValueMetadata): string {
  if (!value.isTensor) return `${value.name}: ${value.kind}`;
  return `${value.name}: ${value.type}[${value.shape.map((dim) => dim || '?').join(',')}]`;
}

const list = (values: readonly ValueMetadata[]): string =>
  values.map(described).join(', ') || 'none';

/** A model that says nothing of a shape, or a scalar's, contradicts no other. */
function agree({ reference, candidate }: MatchedValues): boolean {
  if (!reference.isTensor || !candidate.isTensor) return reference.isTensor === candidate.isTensor;
  const isUnknown = reference.shape.length === 0 || candidate.shape.length === 0;
  return isUnknown || layoutOf(candidate.shape, reference.shape) !== undefined;
}

/**
 * Matches the inputs or outputs of two models: those of one name, then the others by their order
 * where their shapes agree, channels first or last. What is left on one side alone has no counterpart.
 *
 * @param side - for the message: `inputs` or `outputs`
 * @throws OnliteError ERR_SHAPE_MISMATCH where shapes of a pair do not agree, or different numbers
 *   are left on both sides; the message lists both.
 */
export function matchValues(
  reference: readonly ValueMetadata[],
  candidate: readonly ValueMetadata[],
  side: string,
): Matching {
  const named = new Map(candidate.map((value) => [value.name, value]));
  const names = new Set(reference.map(({ name }) => name));
  const pairs = reference.flatMap((value): MatchedValues[] => {
    const namesake = named.get(value.name);
    return namesake ? [{ reference: value, candidate: namesake }] : [];
  });
  const referenceOnly = reference.filter(({ name }) => !named.has(name));
  const candidateOnly = candidate.filter(({ name }) => !names.has(name));
  const isLeftOnOneSide = referenceOnly.length === 0 || candidateOnly.length === 0;
  if (!isLeftOnOneSide && referenceOnly.length === candidateOnly.length) {
    for (const value of candidateOnly) {
      const other = referenceOnly.shift();
      if (other) pairs.push({ reference: other, candidate: value });
    }
    candidateOnly.length = 0;
  }
  const isMatched = referenceOnly.length === 0 || candidateOnly.length === 0;
  const wrong = pairs.find((pair) => !agree(pair));
  if (isMatched && !wrong && (pairs.length > 0 || reference.length === 0)) {
    return { pairs, referenceOnly, candidateOnly };
  }
  const reason = wrong
    ? `'${wrong.reference.name}' and '${wrong.candidate.name}' are not of one shape`
    : 'they cannot be told apart by name or order';
  throw new OnliteError(
    'ERR_SHAPE_MISMATCH',
    `${side} do not match: ${reason}; one model has ${list(reference)}; the other ${list(candidate)}`,
  );
}

/**
 * The layout of the candidate's images as seen from the reference, by the first pair of tensors
 * that are not the same; a model keeps to one.
 *
 * @returns by rank: a sequence of vectors need not follow the images
 */
export function likelyLayouts(pairs: readonly MatchedValues[]): ReadonlyMap<number, Layout> {
  const layouts = new Map<number, Layout>();
  for (const { reference, candidate } of pairs) {
    if (!reference.isTensor || !candidate.isTensor) continue;
    const layout = layoutOf(reference.shape, candidate.shape) ?? 'same';
    const { length } = reference.shape;
    if (layout !== 'same' && !layouts.has(length)) layouts.set(length, layout);
  }
  return layouts;
}

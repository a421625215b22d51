import type { TensorValueMetadata, ValueMetadata } from 'onlite';

import type { SessionFacts } from '../isolation';

import { ModelError } from './errors';

/** What TensorFlow calls the entry point of a model that has one. */
export const DEFAULT_SIGNATURE = 'serving_default';

/** One entry point of a model: the tensors that go in and come out, in the model's order. */
export interface Signature {
  /** What protocols call it. */
  readonly name: string;
  /** What `session.bind` calls it; undefined for the model's own inputs and outputs. */
  readonly key: string | undefined;
  readonly inputs: readonly TensorValueMetadata[];
  /** Those that are tensors: no protocol has a form for maps and sequences. */
  readonly outputs: readonly TensorValueMetadata[];
  readonly inputIndex: ReadonlyMap<string, number>;
  readonly outputIndex: ReadonlyMap<string, number>;
  /** Why it cannot be run over a network, if so: an input that is no tensor. */
  readonly unusable: string | undefined;
}

/**
 * The entry points of a model, the default one first: a TensorFlow Lite model's `serving_default`, or
 * what the session itself has.
 */
export function signaturesOf(session: SessionFacts): ReadonlyMap<string, Signature> {
  const signatures = new Map<string, Signature>();
  const named = session.signatures;
  if (!Object.hasOwn(named, DEFAULT_SIGNATURE)) {
    const { inputMetadata, outputMetadata } = session;
    signatures.set(
      DEFAULT_SIGNATURE,
      describe(DEFAULT_SIGNATURE, undefined, inputMetadata, outputMetadata),
    );
  }
  const names = Object.keys(named).sort(
    (a, b) => Number(b === DEFAULT_SIGNATURE) - Number(a === DEFAULT_SIGNATURE),
  );
  for (const name of names) {
    const found = named[name];
    if (found === undefined) continue;
    signatures.set(name, describe(name, name, found.inputs, found.outputs));
  }
  return signatures;
}

function describe(
  name: string,
  key: string | undefined,
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
): Signature {
  const isTensor = (value: ValueMetadata): value is TensorValueMetadata => value.isTensor;
  const other = inputs.find((value) => !value.isTensor && value.optional !== true);
  const usable = inputs.filter(isTensor);
  const printable = outputs.filter(isTensor);
  const index = (values: readonly TensorValueMetadata[]) =>
    new Map(values.map((value, position) => [value.name, position]));
  return {
    name,
    key,
    inputs: usable,
    outputs: printable,
    inputIndex: index(usable),
    outputIndex: index(printable),
    unusable: other && `input '${other.name}' is no tensor, which no protocol has a form for`,
  };
}

/**
 * Checks an input's shape against what the model declares.
 *
 * @throws ModelError bad-request, naming the dimension
 */
export function checkShape(
  input: TensorValueMetadata,
  shape: readonly number[],
  path: string,
  isFixed: boolean,
): void {
  // The metadata of a scalar and of an unknown rank look the same: the runtime judges.
  if (input.shape.length === 0) return;
  if (shape.length !== input.shape.length) {
    throw new ModelError(
      'bad-request',
      `${path}: expected ${input.shape.length} dimensions (${printShape(input)}), got ${shape.length}`,
    );
  }
  if (!isFixed) return;
  for (const [axis, dim] of input.shape.entries()) {
    if (typeof dim !== 'number' || dim === shape[axis]) continue;
    throw new ModelError('bad-request', `${path}[${axis}]: expected ${dim}, got ${shape[axis]}`);
  }
}

/** As protocols write it: -1 for what a request decides. */
export const wireShape = ({ shape }: TensorValueMetadata): number[] =>
  shape.map((dim) => (typeof dim === 'number' ? dim : -1));

const printShape = (input: TensorValueMetadata): string => `[${wireShape(input).join(',')}]`;

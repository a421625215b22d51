import { ownProperties } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import type { NativeValueInfo } from '../addon/native';
import { elementType, type ElementType, type NumericData } from '../tensor/element-type';
import { Tensor } from '../tensor/tensor';
import type { TensorLike } from './feeds';
import type { SignaturePlan } from './signature-plan';

/** An output whose value is an input's in the next run. */
export interface Carried {
  readonly output: string;
  readonly input: string;
  readonly outputIndex: number;
  readonly inputIndex: number;
  /** The input's tensor, what it is at first. */
  initial: Tensor | undefined;
}

/**
 * Reads `options.carry` of a binding: inputs by the output that becomes them.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for unknown names, an input that is named twice, and types
 *   that do not fit; ERR_UNSUPPORTED for what has no memory of elements of a fixed size.
 */
export function parseCarry(plan: SignaturePlan, carry: unknown): Carried[] {
  if (carry === undefined) return [];
  const path = 'options.carry';
  if (typeof carry !== 'object' || carry === null || Array.isArray(carry)) {
    throw invalidArgument(path, 'an object of input names by output name', carry);
  }
  const taken = new Set<unknown>();
  return Object.entries(ownProperties(carry)).map(([output, input]) => {
    const outputIndex = plan.outputIndex.get(output);
    if (outputIndex === undefined) {
      throw invalidArgument(path, `keys of ${[...plan.outputIndex.keys()].join(', ')}`, output);
    }
    const where = `${path}.${output}`;
    const inputIndex = typeof input === 'string' ? plan.inputIndex.get(input) : undefined;
    if (inputIndex === undefined || taken.has(input)) {
      const free = [...plan.inputIndex.keys()].filter((name) => !taken.has(name));
      throw invalidArgument(where, `one of ${free.join(', ')}`, input);
    }
    taken.add(input);
    requireFit(where, plan.outputs[outputIndex], plan.inputs[inputIndex]);
    return { output, input: input as string, outputIndex, inputIndex, initial: undefined };
  });
}

function requireFit(
  where: string,
  output: (NativeValueInfo & { elementType?: unknown }) | undefined,
  input: NativeValueInfo | undefined,
): void {
  if (output?.elementType === undefined || input?.kind !== 'tensor') {
    throw new OnliteError('ERR_UNSUPPORTED', `${where}: only tensors of numbers can be carried`);
  }
  const isFixed = !output.unknownRank && !input.unknownRank;
  const fits =
    output.type === input.type &&
    (!isFixed ||
      (output.dims.length === input.dims.length &&
        output.dims.every(
          (dim, axis) => dim < 0 || (input.dims[axis] ?? 0) < 0 || dim === input.dims[axis],
        )));
  if (fits) return;
  const shape = ({ dims }: NativeValueInfo): string => `[${dims.join(', ')}]`;
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `${where}: expected the type and shape of inputs.${input.name}, ${shape(input)}; the output has ${
      output.type === input.type ? shape(output) : 'another type'
    }`,
  );
}

/** A tensor of the same numbers in ordinary memory. @throws OnliteError ERR_OUT_OF_MEMORY */
export function copyOfTensor({ type, data, dims }: TensorLike): Tensor {
  const bytes = new Tensor(type as ElementType, data as never, dims).toTransferable();
  const array = elementType(type)?.array as new (buffer: ArrayBuffer) => NumericData;
  return new Tensor(type as ElementType, new array(bytes) as never, dims);
}

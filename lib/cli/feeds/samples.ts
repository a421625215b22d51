import type { ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { Tensor } from '../../engine/tensor/tensor';
import type { NpyArray } from '../../formats/npy';
import { invalid } from './files';
import { listInputs } from './index';
import { tensorFromJson } from './json-tensor';

export type Feeds = Readonly<Record<string, Tensor<ElementType>>>;

/** What a model is run on, one sample after the other, as often as is wanted. */
export interface SampleSet {
  readonly count: number;
  /** @param index - from 0, below `count` */
  sample(index: number): Promise<Feeds>;
  /** Labels that came with the samples, all of them. */
  readonly labels?: NpyArray;
}

/** A sample of as many dims as the input has, of which data may leave out a batch of one. */
export function withBatch(
  tensor: Tensor<ElementType>,
  input: ValueMetadata | undefined,
): Tensor<ElementType> {
  if (!input?.isTensor || tensor.dims.length !== input.shape.length - 1) return tensor;
  return new Tensor(tensor.type, tensor.data, [1, ...tensor.dims]);
}

export const unknownInput = (name: string, inputs: readonly ValueMetadata[]): Error =>
  invalid(`--data: no input is called '${name}'; the model has\n${listInputs(inputs)}`);

export const onlyInput = (inputs: readonly ValueMetadata[], source: string): ValueMetadata => {
  const [only, second] = inputs;
  if (only && !second) return only;
  throw invalid(`--data ${source}: which input? The model has\n${listInputs(inputs)}`);
};

export const find = (inputs: readonly ValueMetadata[], name: string): ValueMetadata | undefined =>
  inputs.find((input) => input.name === name);

/** Labels in JSON: a number, or a list of numbers, for each row. */
export function labelArray(values: readonly unknown[], path: string): NpyArray {
  const { type, dims, data } = tensorFromJson(values, 'float64', path);
  return { type, dims, data };
}

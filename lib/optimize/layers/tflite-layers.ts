import { elementType } from '../../engine/tensor/element-type';
import { isNumeric } from '../../engine/tensor/numbers';
import {
  cutModel,
  readTflite,
  readTfliteModel,
  withOutputs,
  writeTflite,
} from '../../formats/tflite';
import type { Layer } from './layered-model';

/** The tensors that the operators of a TensorFlow Lite model's primary subgraph compute. */
export function tfliteLayers(bytes: Uint8Array): {
  readonly layers: readonly Layer[];
  /**
   * A model that gives these of them: what is behind the last one is not run, where it can be left
   * out.
   */
  readonly withLayers: (wanted: readonly string[]) => Uint8Array;
} {
  const { subgraphs, operatorCodes } = readTfliteModel(bytes);
  const [{ tensors, operators, outputs } = { tensors: [], operators: [], outputs: [] }] = subgraphs;
  const names = tensors.map(({ name }) => name);
  const isUnique = (name: string): boolean => names.indexOf(name) === names.lastIndexOf(name);
  const isFetchable = (index: number): boolean => {
    const { name = '', type, isVariable } = tensors[index] ?? {};
    const known = elementType(type);
    return name !== '' && isUnique(name) && !isVariable && !!known && isNumeric(known.name);
  };
  const layers = operators.flatMap(({ code, inputs, outputs: results }) =>
    results.filter(isFetchable).map((index): Layer => ({
      name: names[index] ?? '',
      operator: operatorCodes[code]?.name ?? '',
      inputs: inputs.flatMap((input) => names[input] ?? []),
    })),
  );
  return {
    layers,
    withLayers: (wanted) => {
      if (wanted.length === 0) return bytes;
      const indices = wanted.map((name) => names.indexOf(name));
      const model = readTflite(bytes);
      if (cutModel(model, [...new Set(indices)])) return writeTflite(model);
      return withOutputs(bytes, [...new Set([...outputs, ...indices])]);
    },
  };
}

import { intAttribute, isStandard, type NodeProto } from '../../formats/onnx';

/** Where a layer's weights have their channels. */
export interface WeightLayout {
  /** Channels that the layer takes, and makes. */
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  /** Spatial dimensions: 0 of a matrix. */
  readonly rank: number;
  /** Elements of one filter's kernel. */
  readonly kernel: number;
  /** Kernels whose elements alternate: 1 where those of each lie together. */
  readonly interleaved: number;
  /** The weights are [inputs, outputs of a group, …] rather than [outputs, inputs of a group, …]. */
  readonly inputsFirst: boolean;
}

function convLayout(
  node: NodeProto,
  dims: readonly number[],
  inputsFirst: boolean,
): WeightLayout | undefined {
  const [channels = 0, channelsOfGroup = 0, ...spatial] = dims;
  const groups = intAttribute(node, 'group', 1);
  if (spatial.length === 0 || groups < 1 || channels % groups !== 0) return undefined;
  const others = channelsOfGroup * groups;
  return {
    inputs: inputsFirst ? channels : others,
    outputs: inputsFirst ? others : channels,
    groups,
    rank: spatial.length,
    kernel: spatial.reduce((product, dim) => product * dim, 1),
    interleaved: 1,
    inputsFirst,
  };
}

function matrixLayout(dims: readonly number[], inputsFirst: boolean): WeightLayout | undefined {
  const [rows, columns, ...others] = dims;
  if (rows === undefined || columns === undefined || others.length > 0) return undefined;
  const [inputs, outputs] = inputsFirst ? [rows, columns] : [columns, rows];
  return { inputs, outputs, groups: 1, rank: 0, kernel: 1, interleaved: 1, inputsFirst };
}

/**
 * The layout of weights of these dimensions that are the second input of a Conv, ConvTranspose, Gemm
 * or MatMul; undefined for other operators, and for matrices of more than two dimensions.
 */
export function weightLayout(node: NodeProto, dims: readonly number[]): WeightLayout | undefined {
  if (!isStandard(node)) return undefined;
  switch (node.opType) {
    case 'Conv':
      return convLayout(node, dims, false);
    case 'ConvTranspose':
      return convLayout(node, dims, true);
    case 'Gemm':
      return matrixLayout(dims, intAttribute(node, 'transB', 0) === 0);
    case 'MatMul':
      return matrixLayout(dims, true);
    default:
      return undefined;
  }
}

/** Visits kernels in the order in which they begin, each with the channels that it takes and makes. */
export function forEachKernel(
  { inputs, outputs, groups, inputsFirst }: WeightLayout,
  visit: (kernel: number, input: number, output: number) => void,
): void {
  const [rows, columns] = inputsFirst ? [inputs, outputs] : [outputs, inputs];
  const [rowsOfGroup, columnsOfGroup] = [rows / groups, columns / groups];
  for (let row = 0, kernel = 0; row < rows; row++) {
    const first = Math.floor(row / rowsOfGroup) * columnsOfGroup;
    for (let column = first; column < first + columnsOfGroup; column++, kernel++) {
      if (inputsFirst) visit(kernel, row, column);
      else visit(kernel, column, row);
    }
  }
}

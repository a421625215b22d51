import type { NativeProfiledOperator, NativeProfiledTensor } from '../addon/native';
import { CUSTOM_OPERATOR, builtinOperatorName } from '../../formats/tflite/builtin-operators';
import { tensorTypeName } from '../../formats/tflite/tensor-type';
import type { MeasuredOperator, OperatorName, ProfiledTensor } from './types';

/** The delegate's name for its partitions, as other tools show it. */
const delegateType = 'TfLiteXNNPackDelegate';
const delegateProvider = 'xnnpack';

/** The name and type of one of the model's own operators. */
export function modelOperatorName(operator: NativeProfiledOperator): OperatorName {
  const { builtinCode, customName, outputName, subgraph, index } = operator;
  const type =
    builtinCode === CUSTOM_OPERATOR && customName !== ''
      ? customName
      : builtinOperatorName(builtinCode);
  return { name: outputName === '' ? `${type}_${subgraph}_${index}` : outputName, type };
}

/** One row of the addon's profile as users see it. */
export function describeOperator(operator: NativeProfiledOperator): MeasuredOperator {
  const { count, nanoseconds, kernel, subgraph, partition, index } = operator;
  if (partition < 0) {
    return {
      ...modelOperatorName(operator),
      provider: 'cpu',
      nanoseconds,
      count,
      bytes: operator.outputs.reduce((sum, tensor) => sum + tensor.bytes, 0),
      inputShapes: operator.inputs.map(describeTensor),
      outputShapes: operator.outputs.map(describeTensor),
    };
  }
  const name = `${delegateProvider}/${subgraph}/${partition}`;
  const provider = delegateProvider;
  if (index < 0) return { name, type: delegateType, provider, nanoseconds, count };
  // "Convolution (NHWC, QC8) IGEMM": what it does, then how.
  const type = kernel.split(' (', 1)[0] ?? kernel;
  return { name: `${name}/${index}`, type, provider, kernel, nanoseconds, count };
}

function describeTensor({ type, dims }: NativeProfiledTensor): ProfiledTensor {
  return { type: tensorTypeName(type), dims };
}

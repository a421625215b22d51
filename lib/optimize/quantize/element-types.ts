import {
  capturedNames,
  findAttribute,
  intAttribute,
  isStandard,
  OnnxDataType,
  subgraphs,
  type GraphEditor,
  type NodeProto,
  type ValueInfoProto,
} from '../../formats/onnx';

const { BOOL, FLOAT, INT32, INT64, STRING, UINT8 } = OnnxDataType;

type TypeOf = (name: string | undefined) => number | undefined;

/** The element type of an output by its index; undefined where it is not known. */
type Rule = (node: NodeProto, typeOf: TypeOf, output: number) => number | undefined;

const always =
  (type: number): Rule =>
  () =>
    type;

const asInput =
  (input: number): Rule =>
  ({ input: names }, typeOf) =>
    typeOf(names[input]);

const byAttribute =
  (name: string, missing: Rule): Rule =>
  (node, typeOf, output) =>
    intAttribute(node, name) ?? missing(node, typeOf, output);

/** One rule for each output, the last for all that follow. */
const each =
  (...rules: Rule[]): Rule =>
  (node, typeOf, output) =>
    rules[Math.min(output, rules.length - 1)]?.(node, typeOf, output);

/**
 * Operators whose outputs all have the first input's type and whose real inputs and outputs may be
 * of float16, from opset 11 on.
 */
export const SAME_TYPE_OPERATORS: ReadonlySet<string> = new Set(
  `Abs Acos Acosh Add AffineGrid Asin Asinh Atan Atanh AveragePool BatchNormalization Ceil
  CenterCropPad Clip Col2Im Compress Concat Conv ConvTranspose Cos Cosh DeformConv DepthToSpace Det
  DFT Div Einsum Elu Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm
  GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample GroupNormalization GRU HardSigmoid
  HardSwish Hardmax Identity InstanceNormalization LeakyRelu Log LogSoftmax LpNormalization LpPool
  LRN LSTM MatMul MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Mish Mod Mul Neg
  NegativeLogLikelihoodLoss Pad Pow PRelu Reciprocal ReduceL1 ReduceL2 ReduceLogSum
  ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
  Resize ReverseSequence RNN RotaryEmbedding Round Scatter ScatterElements ScatterND Selu Shrink
  Sigmoid Sign Sin Sinh Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split
  Sqrt Squeeze STFT Sub Sum Swish Tan Tanh TensorScatter ThresholdedRelu Tile Transpose Trilu
  Unsqueeze`.split(/\s+/),
);

const entries = (names: string, rule: Rule): [string, Rule][] =>
  names.split(' ').map((name) => [name, rule]);

const constantType: Rule = (node) => {
  const [attribute] = node.attribute;
  switch (attribute?.name) {
    case 'value':
      return attribute.t?.dataType;
    case 'value_float':
    case 'value_floats':
      return FLOAT;
    case 'value_int':
    case 'value_ints':
      return INT64;
    case 'value_string':
    case 'value_strings':
      return STRING;
    default:
      return attribute?.sparseTensor?.values?.dataType;
  }
};

/** Of a branch's or body's outputs, which are declared; a Loop's body gives its condition first. */
const bySubgraph: Rule = (node, _typeOf, output) => {
  const [inner] = subgraphs(node);
  return declaredType(inner?.output[isStandard(node, 'Loop') ? output + 1 : output]);
};

/** The parameters' type: that of the zero point, uint8 where there is none. */
const quantizedType =
  (zeroPoint: number): Rule =>
  (node, typeOf) =>
    node.input[zeroPoint] ? typeOf(node.input[zeroPoint]) : UINT8;

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...Array.from(SAME_TYPE_OPERATORS, (name): [string, Rule] => [name, asInput(0)]),
  ...entries('Attention Celu CumSum Max Min Range RMSNormalization RoiAlign Upsample', asInput(0)),
  ...entries('Shape Size ArgMax ArgMin NonZero NonMaxSuppression SequenceLength', always(INT64)),
  ...entries(
    'Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN IsInf',
    always(BOOL),
  ),
  ...entries('ConvInteger MatMulInteger', always(INT32)),
  ...entries(
    'Cast',
    byAttribute('to', () => undefined),
  ),
  ...entries('Where CastLike', asInput(1)),
  ...entries('OneHot', asInput(2)),
  ...entries('MaxPool TopK Unique', each(asInput(0), always(INT64))),
  ...entries('Dropout', each(asInput(0), always(BOOL))),
  ...entries('LayerNormalization', each(asInput(0), byAttribute('stash_type', always(FLOAT)))),
  ...entries('RandomNormal RandomUniform', byAttribute('dtype', always(FLOAT))),
  ...entries('Multinomial', byAttribute('dtype', always(INT32))),
  ...entries(
    'RandomNormalLike RandomUniformLike EyeLike Bernoulli',
    byAttribute('dtype', asInput(0)),
  ),
  ...entries(
    'BlackmanWindow HammingWindow HannWindow MelWeightMatrix',
    byAttribute('output_datatype', always(FLOAT)),
  ),
  ...entries('QuantizeLinear', byAttribute('output_dtype', quantizedType(2))),
  ...entries('QLinearConv QLinearMatMul', quantizedType(7)),
  ...entries('DequantizeLinear', byAttribute('output_dtype', asInput(1))),
  ...entries('DynamicQuantizeLinear', each(always(UINT8), always(FLOAT), always(UINT8))),
  ...entries('TfIdfVectorizer', always(FLOAT)),
  ...entries('Constant', constantType),
  ...entries('ConstantOfShape', (node) => findAttribute(node, 'value')?.t?.dataType ?? FLOAT),
  ...entries('If Loop Scan', bySubgraph),
]);

const declaredType = (info: ValueInfoProto | undefined): number | undefined =>
  info?.type?.tensorType?.elemType;

/** The values that a node takes, and those that the graphs in it take from around them. */
export function usedNames(node: NodeProto): string[] {
  return [...node.input, ...subgraphs(node).flatMap((inner) => [...capturedNames(inner)])];
}

/**
 * The element type (`OnnxDataType`) of each tensor in the main graph: as declared, else by the rule
 * of the operator that makes it. What neither knows, such as the outputs of another domain's
 * operators, is not among them.
 */
export function elementTypes(editor: GraphEditor): ReadonlyMap<string, number> {
  const types = new Map<string, number>();
  const learn = (name: string, type: number | undefined): void => {
    if (name !== '' && type !== undefined && type !== 0) types.set(name, type);
  };
  const { graph } = editor;
  for (const { name = '' } of graph.input) learn(name, declaredType(editor.typeOf(name)));
  for (const { values } of graph.sparseInitializer) learn(values?.name ?? '', values?.dataType);
  const typeOf: TypeOf = (name) =>
    name === undefined ? undefined : (types.get(name) ?? editor.constant(name)?.dataType);
  const { nodes } = editor;
  // Once is enough for nodes in order, which those that a pass has added are not.
  for (let known = -1; known !== types.size;) {
    known = types.size;
    for (const node of nodes) {
      const rule = isStandard(node) ? RULES.get(node.opType ?? '') : undefined;
      node.output.forEach((name, output) => {
        if (types.has(name)) return;
        learn(name, declaredType(editor.typeOf(name)) ?? rule?.(node, typeOf, output));
      });
    }
  }
  const used = nodes.flatMap((node) => usedNames(node));
  for (const name of [...used, ...graph.output.map(({ name = '' }) => name)]) {
    learn(name, typeOf(name) ?? declaredType(editor.typeOf(name)));
  }
  return types;
}

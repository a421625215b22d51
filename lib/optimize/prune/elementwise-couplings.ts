import type { Coupling, CouplingWalk } from './couplings';

/** What is computed of each element alone, from the node's first input. */
const UNARY = [
  ...['Abs', 'Cast', 'Ceil', 'Celu', 'Clip', 'Dropout', 'Elu', 'Erf', 'Exp', 'Floor', 'Gelu'],
  ...['HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu', 'Log', 'Mish', 'Neg', 'Reciprocal'],
  ...['Relu', 'Round', 'Selu', 'Sigmoid', 'Sign', 'Softplus', 'Softsign', 'Sqrt', 'Swish', 'Tanh'],
  'ThresholdedRelu',
];

/** What is computed of elements at the same place, where sizes of 1 stand for any size. */
const BROADCAST = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Mean', 'Sum', 'Pow', 'PRelu', 'Where'],
];

/** The first output has the channels of the first input; no other input has channels. */
export const sameChannels: Coupling = (node, walk) => {
  const [x = '', ...others] = node.input;
  const [y = '', ...more] = node.output;
  const channels = walk.graph.get(x);
  if (!channels) return undefined;
  const { editor } = walk;
  if (more.some((name) => editor.isOutput(name) || editor.users(name).length > 0)) {
    return 'it has another output';
  }
  for (const name of others) walk.keep(name, 'it is not of channels');
  walk.graph.set(y, channels);
  return undefined;
};

const rankOf = (walk: CouplingWalk, name: string): number | undefined =>
  walk.editor.constant(name)?.dims.length ?? walk.types.rank(name);

const broadcast: Coupling = (node, walk) => {
  const operands = node.input.flatMap((name) => {
    const channels = walk.graph.get(name);
    return channels ? [{ name, channels }] : [];
  });
  const [first, ...others] = operands;
  if (!first) return undefined;
  const widest = others.reduce(
    (most, each) => (each.channels.ids.length > most.channels.ids.length ? each : most),
    first,
  );
  const rank = rankOf(walk, widest.name);
  const ranks = node.input.map((name) => rankOf(walk, name));
  if (rank === undefined || !ranks.every((each) => each !== undefined)) {
    return 'the rank of what it takes is not known';
  }
  const fromEnd = rank - widest.channels.axis;
  const { ids } = widest.channels;
  for (const name of node.input) {
    const reason = coupleOperand(walk, name, { ids, fromEnd });
    if (reason !== undefined) return reason;
  }
  walk.graph.set(node.output[0] ?? '', { axis: Math.max(...ranks) - fromEnd, ids });
  return undefined;
};

function coupleOperand(
  walk: CouplingWalk,
  name: string,
  { ids, fromEnd }: { readonly ids: Int32Array; readonly fromEnd: number },
): string | undefined {
  const tensor = walk.editor.constant(name);
  const dims = tensor?.dims ?? walk.types.dims(name) ?? [];
  const axis = dims.length - fromEnd;
  // A size of 1, or none, stands for each channel.
  if (axis < 0 || (dims[axis] === 1 && ids.length > 1)) {
    walk.keep(name, 'it is the same for all channels');
    return undefined;
  }
  const own = tensor ? walk.elements(name, axis)[0] : walk.channels(name, axis)?.ids;
  if (own?.length !== ids.length) return 'the sizes of what it takes differ';
  walk.graph.couple(own, ids);
  return undefined;
}

/** Operators that compute each element of those at its place. */
export const elementwiseCouplings: Readonly<Record<string, Coupling>> = {
  ...Object.fromEntries(UNARY.map((operator) => [operator, sameChannels])),
  ...Object.fromEntries(BROADCAST.map((operator) => [operator, broadcast])),
};

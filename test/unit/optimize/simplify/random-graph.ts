import type { TensorLike } from 'onlite';

import {
  makeAttribute,
  makeFloats,
  makeInt64s,
  makeNode,
  makeTensor,
  OnnxDataType,
  type AttributeProto,
  type AttributeValue,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../../../lib/formats/onnx';
import {
  floats,
  graphAttribute,
  graphOf,
  modelOf,
  tensor,
  untyped,
  waves,
  type Dim,
} from './graphs';

interface Value {
  readonly name: string;
  readonly dims: readonly Dim[];
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const isNumber = (dim: Dim | undefined): dim is number => typeof dim === 'number';

/** Graphs inside graphs inside graphs are enough. */
const DEEPEST = 2;

/** Makes a graph node by node, as an exporter that simplifies nothing would. */
class RandomGraph {
  readonly #next: () => number;
  readonly #nodes: NodeProto[] = [];
  readonly #constants: TensorProto[] = [];
  readonly #values: Value[] = [];
  /** Names are unique among all graphs of a model. */
  readonly #name: (base: string) => string;
  readonly #depth: number;

  /** @param outer - the graph around this one, whose values it may take */
  constructor(
    next: () => number,
    inputs: readonly Value[],
    outer?: { readonly name: (base: string) => string; readonly depth: number },
  ) {
    this.#next = next;
    this.#values.push(...inputs);
    let names = 0;
    this.#name = outer?.name ?? ((base) => `${base}_${names++}`);
    this.#depth = (outer?.depth ?? -1) + 1;
  }

  build(size: number, inputs: readonly Value[]): ModelProto {
    this.#grow(size);
    const used = new Set(this.#nodes.flatMap(({ input }) => input));
    const ends = this.#values.filter(
      ({ name }) => !used.has(name) && !inputs.some((i) => i.name === name),
    );
    const outputs = ends.slice(-3).map(({ name }) => name);
    const declared = inputs.map(({ name, dims }) => floats(name, dims));
    return modelOf(this.#nodes, declared, outputs, this.#constants);
  }

  #grow(size: number): void {
    const steps = [
      this.#unary,
      this.#arithmetic,
      this.#transpose,
      this.#dynamicReshape,
      this.#squeezed,
      this.#nothing,
      this.#linear,
      this.#convolution,
      this.#foldable,
      this.#again,
      this.#reduce,
      this.#twoSides,
    ];
    for (let step = 0; step < size; step++) this.#pick(steps).call(this);
    if (this.#depth < DEEPEST && this.#next() < 0.5) {
      this.#pick([this.#branches, this.#loop, this.#scan]).call(this);
    }
  }

  #below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)]!;
  }

  /** Mostly a recent value, so that graphs get deep. */
  #value(): Value {
    const recent = this.#values.slice(-3);
    return this.#pick(this.#next() < 0.7 ? recent : this.#values);
  }

  #constant(make: (name: string) => TensorProto): string {
    const made = make(this.#name('c'));
    // Exporters write constants both ways.
    if (this.#next() < 0.5) {
      this.#constants.push(made);
      return made.name!;
    }
    const output = made.name!;
    this.#nodes.push(makeNode('Constant', [], [output], { attributes: { value: made } }));
    return output;
  }

  #ints(values: readonly number[], dims?: readonly number[]): string {
    return this.#constant((name) => makeInt64s(name, values, dims));
  }

  #floats(size: number, dims: readonly number[] = [size]): string {
    const start = this.#below(9);
    return this.#constant((name) => makeFloats(name, waves(size, start), dims));
  }

  #add(
    opType: string,
    inputs: readonly string[],
    dims: readonly Dim[],
    attributes: Record<string, AttributeValue> = {},
  ): Value {
    const value = { name: this.#name(opType), dims };
    this.#nodes.push(makeNode(opType, inputs, [value.name], { attributes }));
    this.#values.push(value);
    return value;
  }

  #hidden(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeValue> = {},
  ): string {
    const name = this.#name(opType);
    this.#nodes.push(makeNode(opType, inputs, [name], { attributes }));
    return name;
  }

  #unary(): void {
    const { name, dims } = this.#value();
    this.#add(this.#pick(['Relu', 'Neg', 'Abs', 'Tanh', 'Sigmoid']), [name], dims);
  }

  #arithmetic(): void {
    const { name, dims } = this.#value();
    const last = dims.at(-1);
    const value = this.#pick([0, 1, 0.5]);
    const other = this.#pick([
      () => this.#constant((own) => makeFloats(own, [value], [])),
      () => this.#constant((own) => makeFloats(own, [value])),
      () => (isNumber(last) ? this.#floats(last) : name),
      () =>
        isNumber(dims[1]) && dims.length === 4 ? this.#floats(dims[1], [dims[1], 1, 1]) : name,
    ])();
    const operator = this.#pick(['Add', 'Mul', 'Sub']);
    const isSwapped = operator !== 'Sub' && this.#next() < 0.3;
    this.#add(operator, isSwapped ? [other, name] : [name, other], dims);
  }

  #transpose(): void {
    const { name, dims } = this.#value();
    const perm = dims.map((_, axis) => axis);
    for (let index = perm.length - 1; index > 0; index--) {
      const other = this.#below(index + 1);
      [perm[index], perm[other]] = [perm[other]!, perm[index]!];
    }
    this.#add(
      'Transpose',
      [name],
      perm.map((axis) => dims[axis]!),
      { perm: perm.map(BigInt) },
    );
  }

  /** Joins or splits dims, to a shape that is computed from the value's own. */
  #dynamicReshape(): void {
    const { name, dims } = this.#value();
    const size = dims.filter(isNumber).reduce((product, dim) => product * dim, 1);
    const axis = dims.findIndex((dim) => !isNumber(dim));
    const factor = this.#pick([1, 2, 3].filter((number) => size % number === 0));
    const isSplit = this.#next() < 0.6;
    const rest = isSplit ? [factor, size / factor] : [size];
    if (axis < 0) {
      this.#add('Reshape', [name, this.#ints(rest)], rest);
      return;
    }
    const shape = this.#hidden('Shape', [name]);
    const dim = this.#hidden('Gather', [shape, this.#ints([axis], [])], { axis: 0n });
    const first = this.#hidden('Unsqueeze', [dim, this.#ints([0])]);
    const target = this.#hidden('Concat', [first, this.#ints(rest)], { axis: 0n });
    this.#add('Reshape', [name, target], [dims[axis]!, ...rest]);
  }

  #squeezed(): void {
    const { name, dims } = this.#value();
    const one = dims.indexOf(1);
    if (one >= 0 && this.#next() < 0.6) {
      this.#add(
        'Squeeze',
        [name, this.#ints([one])],
        dims.filter((_, axis) => axis !== one),
      );
    } else if (dims.length < 4) {
      const axis = this.#below(dims.length + 1);
      this.#add(
        'Unsqueeze',
        [name, this.#ints([axis])],
        [...dims.slice(0, axis), 1, ...dims.slice(axis)],
      );
    }
  }

  #nothing(): void {
    const { name, dims } = this.#value();
    const zeros = dims.map(() => 0);
    const ends = dims.map(() => 2 ** 31);
    this.#pick([
      () => this.#add('Identity', [name], dims),
      () => this.#add('Cast', [name], dims, { to: 1n }),
      () => this.#add('Dropout', [name], dims),
      () => this.#add('Concat', [name], dims, { axis: 0n }),
      () => this.#add('Pad', [name, this.#ints([...zeros, ...zeros])], dims),
      () => this.#add('Slice', [name, this.#ints(zeros), this.#ints(ends)], dims),
      () => this.#add('Expand', [name, this.#hidden('Shape', [name])], dims),
      () => this.#add('Reshape', [name, this.#hidden('Shape', [name])], dims),
    ])();
  }

  #linear(): void {
    const { name, dims } = this.#value();
    const last = dims.at(-1);
    if (!isNumber(last) || dims.length < 2) return;
    const columns = 1 + this.#below(5);
    const weights = this.#floats(last * columns, [last, columns]);
    const product = this.#add('MatMul', [name, weights], [...dims.slice(0, -1), columns]);
    if (this.#next() < 0.7) this.#add('Add', [product.name, this.#floats(columns)], product.dims);
  }

  #convolution(): void {
    const found = this.#value();
    let { name } = found;
    const { dims } = found;
    const [batch, channels, ...spatial] = dims;
    if (dims.length !== 4 || batch === undefined || !dims.slice(1).every(isNumber)) return;
    const pads = this.#pick([0, 1]);
    if (this.#next() < 0.5) {
      name = this.#hidden('Pad', [name, this.#ints([0, 0, pads, pads, 0, 0, pads, pads])]);
    }
    const grown = spatial.map((dim) => (dim as number) + (name === found.name ? 0 : 2 * pads));
    if (grown.some((dim) => dim < 2 || dim > 40)) return;
    const outputs = 1 + this.#below(4);
    const weights = this.#floats(outputs * (channels as number) * 4, [
      outputs,
      channels as number,
      2,
      2,
    ]);
    const bias = this.#next() < 0.5 ? [this.#floats(outputs)] : [];
    const shape = [batch, outputs, ...grown.map((dim) => dim - 1)];
    const conv = this.#add('Conv', [name, weights, ...bias], shape, { kernel_shape: [2n, 2n] });
    if (this.#next() < 0.6) this.#normalise(conv, outputs);
  }

  #normalise({ name, dims }: Value, channels: number): void {
    const variance = Float32Array.from(waves(channels, 3), (value) => 1 + value * value);
    const learnt = [
      this.#floats(channels),
      this.#floats(channels),
      this.#floats(channels),
      this.#constant((own) => makeFloats(own, variance)),
    ];
    this.#add('BatchNormalization', [name, ...learnt], dims);
  }

  /** A constant that is computed. */
  #foldable(): void {
    const { name, dims } = this.#value();
    const last = dims.at(-1);
    if (!isNumber(last)) return;
    const sum = this.#hidden('Add', [this.#floats(last), this.#floats(1)]);
    const shape = this.#hidden('Shape', [sum]);
    const wide = this.#hidden('Expand', [sum, this.#pick([shape, this.#ints([1, last])])]);
    this.#add('Mul', [name, wide], dims);
  }

  /** A node that is there already. */
  #again(): void {
    const found = this.#pick(this.#values);
    const node = this.#nodes.find(({ output }) => output[0] === found.name);
    if (!node) return;
    const value = { name: this.#name('again'), dims: found.dims };
    this.#nodes.push({ ...node, output: [value.name] });
    this.#values.push(value);
    this.#add('Add', [found.name, value.name], found.dims);
  }

  #reduce(): void {
    const { name, dims } = this.#value();
    const axis = this.#below(dims.length);
    const keeps = this.#next() < 0.5 || dims.length < 3;
    const reduced = [...dims.slice(0, axis), ...(keeps ? [1] : []), ...dims.slice(axis + 1)];
    const attributes = { axes: [BigInt(axis)], keepdims: keeps ? 1n : 0n };
    this.#add('ReduceMean', [name], reduced, attributes);
  }

  /** A graph that takes values of this one, with one that has the shape of `like` as its result. */
  #inner(like: Value, inputs: readonly Value[] = []): { graph: GraphProto; result: string } {
    const graph = new RandomGraph(this.#next, [...this.#values.slice(-4), ...inputs, like], {
      name: this.#name,
      depth: this.#depth,
    });
    graph.#grow(2 + this.#below(5));
    const last = graph.#value();
    const axes = { axes: last.dims.map((_, axis) => BigInt(axis)), keepdims: 0n };
    const mean =
      last.dims.length === 0 ? last.name : graph.#hidden('ReduceMean', [last.name], axes);
    const result = graph.#hidden('Add', [like.name, graph.#hidden('Tanh', [mean])]);
    const made = graphOf({
      name: this.#name('inner'),
      node: graph.#nodes,
      initializer: graph.#constants,
      input: inputs.map(({ name, dims }) => floats(name, dims)),
      output: [untyped(result)],
    });
    return { graph: made, result };
  }

  #holding(
    opType: string,
    inputs: readonly string[],
    { dims }: Value,
    attributes: readonly AttributeProto[],
  ): void {
    const value = { name: this.#name(opType), dims };
    const node = makeNode(opType, inputs, [value.name]);
    this.#nodes.push({ ...node, attribute: [...attributes] });
    this.#values.push(value);
  }

  #branches(): void {
    const like = this.#value();
    const axes = { axes: like.dims.map((_, axis) => BigInt(axis)), keepdims: 0n };
    const mean = like.dims.length === 0 ? like.name : this.#hidden('ReduceMean', [like.name], axes);
    const zero = this.#constant((name) => makeFloats(name, [0], []));
    const condition = this.#hidden('Greater', [mean, zero]);
    this.#holding('If', [condition], like, [
      graphAttribute('then_branch', this.#inner(like).graph),
      graphAttribute('else_branch', this.#inner(like).graph),
    ]);
  }

  /** Twice what a body makes of the value that it made before. */
  #loop(): void {
    const like = this.#value();
    const carried = { name: this.#name('carried'), dims: like.dims };
    const { graph } = this.#inner(carried, [carried]);
    const [iteration, before, after] = ['iteration', 'before', 'after'].map((name) =>
      this.#name(name),
    ) as [string, string, string];
    graph.node.push(makeNode('Identity', [before], [after]));
    const scalar = (name: string, elemType: number): ValueInfoProto => ({
      ...untyped(name),
      type: { tensorType: { elemType, shape: { dim: [] } } },
    });
    graph.input.unshift(scalar(iteration, OnnxDataType.INT64), scalar(before, OnnxDataType.BOOL));
    graph.output.unshift(scalar(after, OnnxDataType.BOOL));
    const truth = this.#constant((name) =>
      makeTensor(name, OnnxDataType.BOOL, [], Uint8Array.of(1)),
    );
    this.#holding('Loop', [this.#ints([2], []), truth, like.name], like, [
      graphAttribute('body', graph),
    ]);
  }

  /** What a body makes of each row of a value. */
  #scan(): void {
    const like = this.#value();
    const [, ...rest] = like.dims;
    if (rest.length === 0) return;
    const row = { name: this.#name('row'), dims: rest };
    this.#holding('Scan', [like.name], like, [
      makeAttribute('num_scan_inputs', 1n),
      graphAttribute('body', this.#inner(row, [row]).graph),
    ]);
  }

  /** Two values of one shape, which may have come there on different ways. */
  #twoSides(): void {
    const one = this.#value();
    const others = this.#values.filter(({ dims }) => dims.join() === one.dims.join());
    this.#add(this.#pick(['Add', 'Mul', 'Max']), [one.name, this.#pick(others).name], one.dims);
  }
}

/** A model that follows from its seed, with inputs of dynamic and of fixed dims, and feeds for it. */
export function randomModel(seed: number): {
  model: ModelProto;
  feeds: Readonly<Record<string, TensorLike>>[];
} {
  const inputs: Value[] = [
    { name: 'x', dims: ['n', 4, 6] },
    { name: 'image', dims: ['n', 3, 6, 5] },
    { name: 'fixed', dims: [2, 3, 4] },
  ];
  const model = new RandomGraph(numbers(seed), inputs).build(6 + (seed % 14), inputs);
  const feeds = [1, 3].map((n) =>
    Object.fromEntries(
      inputs.map(({ name, dims }) => [name, tensor(dims.map((dim) => (isNumber(dim) ? dim : n)))]),
    ),
  );
  return { model, feeds };
}

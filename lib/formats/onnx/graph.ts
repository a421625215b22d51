import { OnliteError } from '../../errors';
import { findAttribute, makeNode, subgraphs } from './attributes';
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './types';

const STANDARD_DOMAINS = new Set(['', 'ai.onnx']);

/** Whether a node is of the standard operators, of one of these types if any are named. */
export function isStandard(node: NodeProto | undefined, ...types: string[]): node is NodeProto {
  if (!node || !STANDARD_DOMAINS.has(node.domain ?? '')) return false;
  return types.length === 0 || types.includes(node.opType ?? '');
}

/** @throws OnliteError ERR_MODEL_INVALID for a model without a graph. */
export function graphOf({ graph }: ModelProto): GraphProto {
  if (!graph) throw new OnliteError('ERR_MODEL_INVALID', 'the model has no graph');
  return graph;
}

/** The names that a graph takes from the graphs around it. */
export function capturedNames(graph: GraphProto): Set<string> {
  const own = new Set<string>();
  for (const { name } of graph.input) own.add(name ?? '');
  for (const { name } of graph.initializer) own.add(name ?? '');
  for (const { values } of graph.sparseInitializer) own.add(values?.name ?? '');
  const captured = new Set<string>();
  const use = (name: string): void => {
    if (name !== '' && !own.has(name)) captured.add(name);
  };
  for (const node of graph.node) {
    node.input.forEach(use);
    for (const inner of subgraphs(node)) capturedNames(inner).forEach(use);
    for (const name of node.output) own.add(name);
  }
  for (const { name = '' } of graph.output) use(name);
  return captured;
}

/** Renames what a graph and those inside it take from around under the old name. */
function renameCaptured(graph: GraphProto, from: string, to: string): void {
  if (!capturedNames(graph).has(from)) return;
  const shadowed = graph.node.some(({ output }) => output.includes(from));
  if (shadowed) throw new OnliteError('ERR_MODEL_INVALID', `'${from}' is made twice`);
  for (const node of graph.node) {
    node.input = node.input.map((name) => (name === from ? to : name));
    for (const inner of subgraphs(node)) renameCaptured(inner, from, to);
  }
  for (const output of graph.output) if (output.name === from) output.name = to;
}

/** All names of values in a graph and those inside it. */
function collectNames(graph: GraphProto, names: Set<string>): void {
  for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) {
    names.add(name ?? '');
  }
  for (const { values } of graph.sparseInitializer) names.add(values?.name ?? '');
  for (const node of graph.node) {
    for (const name of [...node.input, ...node.output]) names.add(name);
    for (const inner of subgraphs(node)) collectNames(inner, names);
  }
}

/**
 * A graph of a model while it is edited: what makes each value and what uses it. Nodes are
 * changed through the editor's methods alone, or `input` and `output` would not be what it knows.
 * A value that a branch or a body takes from around it is used by the node that holds them.
 * {@link GraphEditor.commit} writes the result into the model.
 *
 * @throws OnliteError ERR_MODEL_INVALID where the constructor finds a value that is made twice.
 */
export class GraphEditor {
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly #nodes = new Set<NodeProto>();
  readonly #producers = new Map<string, NodeProto>();
  readonly #users = new Map<string, Set<NodeProto>>();
  readonly #initializers = new Map<string, TensorProto>();
  readonly #inputs = new Set<string>();
  readonly #outputs = new Set<string>();
  readonly #types = new Map<string, ValueInfoProto>();
  /** Of all values of the model. */
  readonly #names: Set<string>;
  readonly #outer: GraphEditor | undefined;

  /**
   * @param inside - for a branch or a body instead of the main graph, with the editor of the graph
   *   whose node holds it; that one is not used for editing as long as this one is
   */
  constructor(
    model: ModelProto,
    inside?: { readonly graph: GraphProto; readonly outer: GraphEditor },
  ) {
    this.model = model;
    this.graph = inside?.graph ?? graphOf(model);
    this.#outer = inside?.outer;
    this.#names = this.#outer ? this.#outer.#names : new Set();
    if (!this.#outer) collectNames(this.graph, this.#names);
    for (const { name = '' } of this.graph.input) this.#inputs.add(name);
    for (const { name = '' } of this.graph.output) this.#outputs.add(name);
    for (const tensor of this.graph.initializer) this.#initializers.set(tensor.name ?? '', tensor);
    for (const info of [...this.graph.valueInfo, ...this.graph.input, ...this.graph.output]) {
      this.#types.set(info.name ?? '', info);
    }
    for (const node of this.graph.node) this.#link(node);
  }

  /** The version of the operators of a domain; 0 where the model does not import it. */
  opset(domain = ''): number {
    const standard = STANDARD_DOMAINS.has(domain);
    const found = this.model.opsetImport.find(({ domain: own = '' }) =>
      standard ? STANDARD_DOMAINS.has(own) : own === domain,
    );
    return found?.version ?? 0;
  }

  /** Imports a domain's operators at this version at least. */
  requireOpset(domain: string, version: number): void {
    if (this.opset(domain) >= version) return;
    const own = (other: string): boolean =>
      STANDARD_DOMAINS.has(domain) ? STANDARD_DOMAINS.has(other) : other === domain;
    const others = this.model.opsetImport.filter((entry) => !own(entry.domain ?? ''));
    this.model.opsetImport = [...others, { domain, version }];
  }

  /** The nodes as they are now: of added ones the order is that of adding. */
  get nodes(): readonly NodeProto[] {
    return [...this.#nodes];
  }

  /** The tensors of the graph, those that an input may replace included. */
  get initializers(): readonly TensorProto[] {
    return [...this.#initializers.values()];
  }

  has(node: NodeProto): boolean {
    return this.#nodes.has(node);
  }

  producer(name: string | undefined): NodeProto | undefined {
    return name === undefined ? undefined : this.#producers.get(name);
  }

  /** The nodes that use a value, each once. */
  users(name: string | undefined): readonly NodeProto[] {
    return name === undefined ? [] : [...(this.#users.get(name) ?? [])];
  }

  /** The only use of a value, if it has but one and is no output of the graph. */
  onlyUser(name: string | undefined): NodeProto | undefined {
    if (name === undefined || this.#outputs.has(name)) return undefined;
    const [first, second] = this.#users.get(name) ?? [];
    if (!first || second || first.input.filter((other) => other === name).length !== 1) {
      return undefined;
    }
    return first;
  }

  isInput(name: string): boolean {
    return this.#inputs.has(name);
  }

  isOutput(name: string): boolean {
    return this.#outputs.has(name);
  }

  /**
   * A value that never changes: an initializer (but not one that an input of the same name may
   * replace) or the tensor of a Constant, of this graph or one around it.
   */
  constant(name: string | undefined): TensorProto | undefined {
    if (name === undefined || name === '') return undefined;
    if (this.#inputs.has(name)) return undefined;
    const tensor = this.#initializers.get(name);
    if (tensor) return tensor;
    const node = this.#producers.get(name);
    if (!node) return this.#outer?.constant(name);
    return isStandard(node, 'Constant') ? findAttribute(node, 'value')?.t : undefined;
  }

  /** Whether a value is of a graph around this one, which may use it too. */
  isCaptured(name: string): boolean {
    const isOwn =
      this.#inputs.has(name) || this.#initializers.has(name) || this.#producers.has(name);
    return !isOwn && this.#outer !== undefined;
  }

  /** Declared or inferred type and shape. */
  typeOf(name: string): ValueInfoProto | undefined {
    return this.#types.get(name);
  }

  setType(info: ValueInfoProto): void {
    this.#types.set(info.name ?? '', info);
  }

  /** A name that nothing in the model has: `base`, or `base_1` and so on. */
  uniqueName(base: string): string {
    let name = base;
    for (let index = 1; this.#names.has(name) || name === ''; index++) name = `${base}_${index}`;
    this.#names.add(name);
    return name;
  }

  /** Adds a tensor under a name that nothing has yet, and gives the name. */
  addInitializer(tensor: TensorProto): string {
    const name = this.uniqueName(tensor.name ?? 'constant');
    this.#initializers.set(name, { ...tensor, name });
    return name;
  }

  /** Puts another tensor in the place of one of the same name, or of the node that made it. */
  setInitializer(name: string, tensor: TensorProto): void {
    const producer = this.#producers.get(name);
    if (producer) this.removeNode(producer);
    this.#initializers.set(name, { ...tensor, name });
    this.#types.delete(name);
  }

  addNode(node: NodeProto): NodeProto {
    this.#link(node);
    return node;
  }

  removeNode(node: NodeProto): void {
    if (!this.#nodes.delete(node)) return;
    for (const name of this.#usedBy(node)) this.#users.get(name)?.delete(node);
    for (const name of node.output) {
      if (this.#producers.get(name) === node) this.#producers.delete(name);
    }
  }

  /** Has a node take another value as its input; '' for none. */
  setInput(node: NodeProto, index: number, name: string): void {
    this.#unlinkUses(node);
    while (node.input.length <= index) node.input.push('');
    node.input[index] = name;
    while (node.input.at(-1) === '') node.input.pop();
    this.#linkUses(node);
  }

  setInputs(node: NodeProto, names: readonly string[]): void {
    this.#unlinkUses(node);
    node.input = [...names];
    this.#linkUses(node);
  }

  /** Has a node make another value, which nothing makes yet. */
  setOutput(node: NodeProto, index: number, name: string): void {
    const old = node.output[index];
    if (old !== undefined && this.#producers.get(old) === node) this.#producers.delete(old);
    node.output[index] = name;
    this.#produce(node, name);
  }

  /** Has a node, and the graphs in it, take another value wherever they take this one. */
  replaceUse(node: NodeProto, from: string, to: string): void {
    this.#unlinkUses(node);
    node.input = node.input.map((name) => (name === from ? to : name));
    for (const inner of subgraphs(node)) renameCaptured(inner, from, to);
    this.#linkUses(node);
  }

  /** Has all uses of one value take another; the graph's outputs keep their names. */
  replaceUses(from: string, to: string, except?: NodeProto): void {
    for (const node of this.users(from)) if (node !== except) this.replaceUse(node, from, to);
  }

  /**
   * Takes a node out whose only used output is the value of one of its inputs.
   *
   * @returns false, and nothing is changed, where that cannot be: an output of the graph would be
   *   an input, a constant, or another output.
   */
  bypass(node: NodeProto, input = 0, output = 0): boolean {
    const from = node.output[output] ?? '';
    const to = node.input[input] ?? '';
    if (to === '') return false;
    if (!this.#outputs.has(from)) {
      this.removeNode(node);
      this.replaceUses(from, to);
      return true;
    }
    const producer = this.#producers.get(to);
    if (!producer || this.#outputs.has(to) || subgraphs(producer).length > 0) return false;
    // The output's name goes to the node that makes the value.
    this.removeNode(node);
    this.setOutput(producer, producer.output.indexOf(to), from);
    this.replaceUses(to, from);
    return true;
  }

  /**
   * Puts a branch of a node in the node's place: its nodes and constants under names that nothing
   * has yet, its outputs as the node's own.
   */
  inline(node: NodeProto, branch: GraphProto): void {
    this.removeNode(node);
    const renamed = new Map<string, string>();
    for (const tensor of branch.initializer) {
      renamed.set(tensor.name ?? '', this.addInitializer(tensor));
    }
    for (const { output } of branch.node) {
      for (const name of output) if (name !== '') renamed.set(name, this.uniqueName(name));
    }
    const current = (name = ''): string => renamed.get(name) ?? name;
    for (const inner of branch.node) {
      for (const graph of subgraphs(inner)) {
        for (const [from, to] of renamed) renameCaptured(graph, from, to);
      }
      const [input, output] = [inner.input.map(current), inner.output.map(current)];
      // Names of nodes are unique in a graph, but not among graphs.
      const { name: _, ...rest } = inner;
      this.addNode({ ...rest, input, output });
    }
    branch.output.forEach(({ name }, index) => {
      const result = node.output[index] ?? '';
      if (result !== '') this.addNode(makeNode('Identity', [current(name)], [result]));
    });
  }

  /** Removes what no output of the graph needs: nodes, initializers, declared types. */
  removeUnused(): void {
    const needed = new Set<NodeProto>();
    const values = new Set(this.#outputs);
    const open = [...this.#outputs];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const node = this.#producers.get(name);
      if (!node || needed.has(node)) continue;
      needed.add(node);
      for (const used of this.#usedBy(node)) {
        if (!values.has(used)) {
          values.add(used);
          open.push(used);
        }
      }
    }
    for (const node of this.#nodes) if (!needed.has(node)) this.removeNode(node);
    for (const name of this.#initializers.keys()) {
      // An input keeps its default though nothing uses it: else it would have to be given.
      if (!values.has(name) && !this.#inputs.has(name)) this.#initializers.delete(name);
    }
  }

  /**
   * Writes the graph: nodes each after those that make what it uses, as near to their order as
   * that allows, and types of values that are still there.
   *
   * @throws OnliteError ERR_MODEL_INVALID where nodes use each other in a circle.
   */
  commit(): ModelProto {
    const { graph } = this;
    const done = new Set<string>();
    const nodes: NodeProto[] = [];
    const visiting = new Set<NodeProto>();
    const placed = new Set<NodeProto>();
    const stack: { node: NodeProto; needs: Iterator<string> }[] = [];
    const enter = (node: NodeProto): void => {
      visiting.add(node);
      stack.push({ node, needs: this.#usedBy(node)[Symbol.iterator]() });
    };
    for (const root of this.#nodes) {
      if (!placed.has(root)) enter(root);
      for (let top = stack.at(-1); top; top = stack.at(-1)) {
        const { node, needs } = top;
        const next = needs.next();
        if (next.done) {
          stack.pop();
          visiting.delete(node);
          placed.add(node);
          nodes.push(node);
          for (const name of node.output) done.add(name);
          continue;
        }
        const producer = this.#producers.get(next.value);
        if (!producer || placed.has(producer)) continue;
        if (visiting.has(producer)) {
          throw new OnliteError('ERR_MODEL_INVALID', `'${next.value}' depends on itself`);
        }
        enter(producer);
      }
    }
    graph.node = nodes;
    graph.initializer = [...this.#initializers.values()];
    graph.valueInfo = [...this.#types.values()].filter(
      ({ name = '' }) => done.has(name) && !this.#outputs.has(name),
    );
    graph.quantizationAnnotation = graph.quantizationAnnotation.filter(
      ({ tensorName = '' }) => done.has(tensorName) || this.#initializers.has(tensorName),
    );
    return this.model;
  }

  #link(node: NodeProto): void {
    this.#nodes.add(node);
    for (const name of node.output) this.#produce(node, name);
    this.#linkUses(node);
  }

  #produce(node: NodeProto, name: string): void {
    if (name === '') return;
    if (this.#producers.has(name) || this.#initializers.has(name) || this.#inputs.has(name)) {
      throw new OnliteError('ERR_MODEL_INVALID', `'${name}' is made twice`);
    }
    this.#producers.set(name, node);
    this.#names.add(name);
  }

  #usedBy(node: NodeProto): Set<string> {
    const names = new Set(node.input.filter((name) => name !== ''));
    for (const inner of subgraphs(node)) for (const name of capturedNames(inner)) names.add(name);
    return names;
  }

  #linkUses(node: NodeProto): void {
    for (const name of this.#usedBy(node)) {
      const users = this.#users.get(name);
      if (users) users.add(node);
      else this.#users.set(name, new Set([node]));
    }
  }

  #unlinkUses(node: NodeProto): void {
    for (const name of this.#usedBy(node)) this.#users.get(name)?.delete(node);
  }
}

import {
  findAttribute,
  floatAttribute,
  floatsAttribute,
  intAttribute,
  isStandard,
  makeAttribute,
  makeFloats,
  makeNode,
  OnnxDataType,
  setAttribute,
  subgraphs,
  tensorValues,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../formats/onnx';
import { computedTensor } from './computed-tensor';
import { decision, nodesNamed, type OperatorDecision } from './decision';
import { elementTypes, usedNames } from './element-types';
import { float16Weights } from './float16';
import { Float16Plan, realConstant } from './float16-plan';

const { FLOAT, FLOAT16 } = OnnxDataType;

type Precision = typeof FLOAT | typeof FLOAT16;

const SUFFIX: Readonly<Record<Precision, string>> = { [FLOAT]: 'float32', [FLOAT16]: 'float16' };

export interface Float16Options {
  /** Whether inputs and outputs stay float32; true if not given. */
  readonly keepIo?: boolean;
  /** Nodes that stay float32, by the names that decisions give them. */
  readonly exclude?: readonly string[];
  /** The model file's folder, for external data. */
  readonly folder?: string;
}

/** What was float32: its name stands for it in one precision, a twin's in the other. */
interface RealValue {
  readonly named: Precision;
  /** As what it is made; absent for a constant. */
  readonly made?: Precision;
  readonly constant?: TensorProto;
}

function realValues(
  editor: GraphEditor,
  types: ReadonlyMap<string, number>,
  plan: Float16Plan,
  keepIo: boolean,
): ReadonlyMap<string, RealValue> {
  const values = new Map<string, RealValue>();
  for (const [name, type] of types) {
    if (type !== FLOAT) continue;
    const constant = realConstant(editor, name);
    const made = plan.isMadeAsFloat16(name) ? FLOAT16 : FLOAT;
    const used = plan.isTakenAsFloat32(name) ? FLOAT : FLOAT16;
    if (editor.isOutput(name)) {
      const named = keepIo ? FLOAT : FLOAT16;
      values.set(name, constant ? { named, constant } : { named, made });
    } else {
      values.set(name, constant ? { named: used, constant } : { named: made, made });
    }
  }
  return values;
}

const withType = (info: ValueInfoProto, name: string, elemType: number): ValueInfoProto => ({
  ...info,
  name,
  type: { ...info.type, tensorType: { ...info.type?.tensorType, elemType } },
});

/** Has every Constant of float32 hold a tensor, which `value_float` and `value_floats` are not. */
function normaliseConstants(editor: GraphEditor): void {
  for (const node of editor.nodes) {
    if (!isStandard(node, 'Constant')) continue;
    const list = floatsAttribute(node, 'value_floats');
    if (!list && !findAttribute(node, 'value_float')) continue;
    const tensor = list
      ? makeFloats('', list)
      : makeFloats('', [floatAttribute(node, 'value_float', 0)], []);
    node.attribute = [makeAttribute('value', tensor)];
  }
}

class Float16Rewriter {
  readonly #editor: GraphEditor;
  readonly #types: ReadonlyMap<string, number>;
  readonly #plan: Float16Plan;
  readonly #values: ReadonlyMap<string, RealValue>;
  readonly #folder: string | undefined;
  readonly #twins = new Map<string, string>();
  readonly #twinPrecisions = new Map<string, Precision>();

  constructor(editor: GraphEditor, { keepIo = true, exclude = [], folder }: Float16Options) {
    this.#editor = editor;
    this.#folder = folder;
    this.#types = elementTypes(editor);
    const excluded = nodesNamed(editor, exclude, 'exclude');
    this.#plan = new Float16Plan(editor, { types: this.#types, keepIo, exclude: excluded });
    // Before anything is changed: the plan answers by the graph as it is.
    this.#values = realValues(editor, this.#types, this.#plan, keepIo);
  }

  rewrite(): OperatorDecision[] {
    const decisions = this.#decisions();
    const { nodes } = this.#editor;
    for (const node of nodes) if (this.#plan.converts(node)) this.#rewriteAttributes(node);
    for (const node of nodes) this.#rewriteInputs(node);
    for (const [name, { named, made }] of this.#values) {
      if (made !== undefined && made !== named) this.#twin(name);
    }
    this.#rewriteConstants();
    this.#rewriteTypes();
    this.#removeIdentityCasts();
    this.#editor.removeUnused();
    return decisions;
  }

  #decisions(): OperatorDecision[] {
    return [...this.#plan.reasons]
      .filter(([node]) => !isStandard(node, 'Shape', 'Size'))
      .map(([node, reason]) =>
        decision(node, reason === undefined ? { as: 'float16' } : { reason }),
      );
  }

  #rewriteInputs(node: NodeProto): void {
    if (subgraphs(node).length === 0) {
      const takes = (input: number): Precision =>
        this.#plan.takesFloat16(node, input) ? FLOAT16 : FLOAT;
      const names = node.input.map((name, input) => this.#valueAs(name, takes(input)));
      this.#editor.setInputs(node, names);
      return;
    }
    for (const name of new Set(usedNames(node))) {
      const taken = this.#valueAs(name, FLOAT);
      if (taken !== name) this.#editor.replaceUse(node, name, taken);
    }
  }

  /** The name of a value in a precision; that of any that was not float32 itself. */
  #valueAs(name: string, precision: Precision): string {
    const value = this.#values.get(name);
    return value === undefined || value.named === precision ? name : this.#twin(name);
  }

  #twin(name: string): string {
    const known = this.#twins.get(name);
    if (known !== undefined) return known;
    const value = this.#values.get(name);
    const precision = value?.named === FLOAT16 ? FLOAT : FLOAT16;
    const twin = value?.constant
      ? this.#constantTwin(name, value.constant, precision)
      : this.#castTwin(name, value?.made, precision);
    this.#twins.set(name, twin);
    this.#twinPrecisions.set(twin, precision);
    return twin;
  }

  #constantTwin(name: string, constant: TensorProto, precision: Precision): string {
    const twin = `${name}_${SUFFIX[precision]}`;
    const tensor = precision === FLOAT16 ? this.#float16(constant) : constant;
    return this.#editor.addInitializer({ ...tensor, name: twin });
  }

  #castTwin(name: string, made: Precision | undefined, precision: Precision): string {
    const producer = this.#editor.producer(name);
    const source = this.#castSource(name, producer);
    if (source !== name && this.#types.get(source) === precision) return source;
    const twin = this.#editor.uniqueName(`${name}_${SUFFIX[precision]}`);
    const info = this.#editor.typeOf(name);
    if (info) this.#editor.setType(withType(info, twin, precision));
    if (producer && made === precision) {
      // The name is an output's, in the other precision than what makes it.
      this.#editor.setOutput(producer, producer.output.indexOf(name), twin);
      this.#cast(twin, name, precision === FLOAT ? FLOAT16 : FLOAT);
    } else {
      this.#cast(source, twin, precision);
    }
    return twin;
  }

  /** What is to be cast: what a Cast has cast from integers already need not be cast twice. */
  #castSource(name: string, producer: NodeProto | undefined): string {
    const source = isStandard(producer, 'Cast') ? producer.input[0] : undefined;
    return source === undefined || this.#values.has(source) ? name : source;
  }

  #cast(from: string, to: string, type: Precision): void {
    this.#editor.addNode(makeNode('Cast', [from], [to], { attributes: { to: BigInt(type) } }));
  }

  #rewriteAttributes(node: NodeProto): void {
    const setType = (name: string): void => setAttribute(node, name, BigInt(FLOAT16));
    const makesFloat16 = node.output.some((name) => this.#types.get(name) === FLOAT);
    if (!makesFloat16) return;
    if (isStandard(node, 'Cast')) setType('to');
    else if (isStandard(node, 'RandomNormal', 'RandomUniform', 'EyeLike')) setType('dtype');
    else if (intAttribute(node, 'dtype') === FLOAT) setType('dtype');
    else if (isStandard(node, 'ConstantOfShape')) {
      const value = findAttribute(node, 'value')?.t ?? makeFloats('', [0]);
      setAttribute(node, 'value', this.#float16(value));
    }
  }

  #rewriteConstants(): void {
    const defaults = new Map(this.#editor.graph.initializer.map((each) => [each.name, each]));
    for (const [name, { named, constant }] of this.#values) {
      // An input may have a value for when none is given.
      const tensor = constant ?? (this.#editor.isInput(name) ? defaults.get(name) : undefined);
      if (named === FLOAT || !tensor) continue;
      const producer = this.#editor.producer(name);
      if (producer) producer.attribute = [makeAttribute('value', this.#float16(tensor))];
      else this.#editor.setInitializer(name, this.#float16(tensor));
    }
  }

  #rewriteTypes(): void {
    const { input, output } = this.#editor.graph;
    const isFloat16 = (name: string): boolean => this.#values.get(name)?.named === FLOAT16;
    for (const info of [...input, ...output]) {
      const { name = '' } = info;
      if (isFloat16(name)) Object.assign(info, withType(info, name, FLOAT16));
    }
    for (const name of this.#values.keys()) {
      const info = this.#editor.typeOf(name);
      if (info && isFloat16(name)) this.#editor.setType(withType(info, name, FLOAT16));
    }
  }

  #float16(tensor: TensorProto): TensorProto {
    return computedTensor(tensor.name ?? '', FLOAT16, tensor.dims, () => [
      float16Weights(tensorValues(tensor, FLOAT, this.#folder)),
    ]);
  }

  /** Casts to float16 of what is float16 now. */
  #removeIdentityCasts(): void {
    for (const node of this.#editor.nodes) {
      if (!isStandard(node, 'Cast')) continue;
      const name = node.input[0] ?? '';
      const type =
        this.#twinPrecisions.get(name) ?? this.#values.get(name)?.named ?? this.#types.get(name);
      if (type === intAttribute(node, 'to')) this.#editor.bypass(node);
    }
  }
}

/**
 * Rewrites a model to compute in float16, with Casts where that meets what stays float32: inputs
 * and outputs unless `keepIo` is false, operators that float16 is too coarse for, those of other
 * domains, and those that hold graphs. No weight becomes 0 or infinite (see `float16Weights`).
 * A value that was float32 keeps its name, and has a twin of the other precision where that is
 * needed too.
 *
 * @returns how each operator with real values computes, or why it stays float32
 * @throws OnliteError ERR_INVALID_ARGUMENT where `exclude` names what the graph does not have;
 *   ERR_MODEL_INVALID, ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE where a weight cannot be read.
 */
export function convertToFloat16(
  editor: GraphEditor,
  options: Float16Options = {},
): OperatorDecision[] {
  normaliseConstants(editor);
  return new Float16Rewriter(editor, options).rewrite();
}

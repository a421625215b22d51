import {
  elementCount,
  intAttribute,
  isStandard,
  OnnxDataType,
  subgraphs,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import { SAME_TYPE_OPERATORS, usedNames } from './element-types';

const { FLOAT, INT32, INT64 } = OnnxDataType;

/** Operators that take and give float16, and have no rule of their own below. */
const OBSERVERS = new Set(
  'ArgMax ArgMin Cast Equal Greater GreaterOrEqual IsNaN Less LessOrEqual NonZero Shape Size'.split(
    ' ',
  ),
);
const MAKERS = new Set(['ConstantOfShape', 'EyeLike', 'RandomNormal', 'RandomUniform']);
const OTHERS = new Set(
  'Attention Bernoulli CastLike Dropout LayerNormalization MaxPool RMSNormalization Where'.split(
    ' ',
  ),
);

/** Operators that only move values about, or make or look at them, and compute nothing. */
const MOVERS = new Set([
  ...OBSERVERS,
  ...MAKERS,
  ...`CastLike Compress Concat DepthToSpace Expand Flatten Gather GatherElements GatherND Identity
  Reshape Slice SpaceToDepth Split Squeeze Tile Transpose Unsqueeze Where`.split(/\s+/),
]);

const TOO_COARSE = new Set(
  'CumSum IsInf Max Min RandomNormalLike RandomUniformLike RoiAlign TopK Upsample'.split(' '),
);

/** Constants from here on are worth the conversion of a node that only moves them. */
const LARGE_CONSTANT = 64;

/** Integers that a Cast turns into counts and sizes; booleans become masks. */
const COUNTED: ReadonlySet<number | undefined> = new Set([INT32, INT64]);

/** The inputs that are float32 in every form of the operator: a Resize's region and scales. */
export const isFloat32Input = (node: NodeProto, input: number): boolean =>
  isStandard(node, 'Resize') && (input === 1 || input === 2);

/** The tensor of a constant of float32. */
export function realConstant(editor: GraphEditor, name: string): TensorProto | undefined {
  const tensor = editor.constant(name);
  return tensor?.dataType === FLOAT ? tensor : undefined;
}

export interface Float16PlanOptions {
  readonly types: ReadonlyMap<string, number>;
  readonly keepIo: boolean;
  readonly exclude: ReadonlySet<NodeProto>;
}

/**
 * Decides which operators compute in float16. The others stay in float32: those that float16 is
 * too coarse for or that have no such form, those that hold graphs, and those that converting
 * would only surround with Casts.
 */
export class Float16Plan {
  readonly #editor: GraphEditor;
  readonly #types: ReadonlyMap<string, number>;
  readonly #keepIo: boolean;
  /** The operators with real values, and why they stay float32 if they do. */
  readonly #reasons = new Map<NodeProto, string | undefined>();

  constructor(editor: GraphEditor, { types, keepIo, exclude }: Float16PlanOptions) {
    this.#editor = editor;
    this.#types = types;
    this.#keepIo = keepIo;
    for (const node of editor.nodes) {
      if (!this.#isConsidered(node)) continue;
      const reason = exclude.has(node) ? 'excluded by name' : this.#reasonOfItsOwn(node);
      this.#reasons.set(node, reason);
    }
    this.#keepCounts();
    this.#keepBetweenFloat32();
  }

  /** The operators with real values, and for each why it stays float32; undefined if it does not. */
  get reasons(): ReadonlyMap<NodeProto, string | undefined> {
    return this.#reasons;
  }

  isReal(name: string): boolean {
    return this.#types.get(name) === FLOAT;
  }

  converts(node: NodeProto): boolean {
    return this.#reasons.has(node) && this.#reasons.get(node) === undefined;
  }

  /** Whether a node takes its input of this index as float16. */
  takesFloat16(node: NodeProto, input: number): boolean {
    return this.converts(node) && !isFloat32Input(node, input);
  }

  /** Whether what makes a value, which is no constant, makes float16. */
  isMadeAsFloat16(name: string): boolean {
    const producer = this.#editor.producer(name);
    if (producer) return this.converts(producer);
    return this.#editor.isInput(name) && !this.#keepIo;
  }

  /** Whether anything takes a value as float32. */
  isTakenAsFloat32(name: string): boolean {
    if (this.#editor.isOutput(name) && this.#keepIo) return true;
    return this.#editor.users(name).some((user) => this.#takesAsFloat32(user, name));
  }

  #takesAsFloat32(user: NodeProto, name: string): boolean {
    if (!this.converts(user)) return true;
    return user.input.some((other, index) => other === name && isFloat32Input(user, index));
  }

  #isTakenAsFloat16(name: string): boolean {
    if (this.#editor.isOutput(name) && !this.#keepIo) return true;
    return this.#editor
      .users(name)
      .some((user) =>
        user.input.some((other, index) => other === name && this.takesFloat16(user, index)),
      );
  }

  #isConsidered(node: NodeProto): boolean {
    const names = [...usedNames(node), ...node.output].filter((name) => name !== '');
    const moves = names.some((name) => this.isReal(name) || !this.#types.has(name));
    return moves && !isStandard(node, 'Constant');
  }

  #reasonOfItsOwn(node: NodeProto): string | undefined {
    const type = node.opType ?? '';
    if (subgraphs(node).length > 0) return 'the graphs in it compute in float32';
    const { domain = '' } = node;
    if (!isStandard(node)) return `an operator of ${domain}`;
    const unknown = [...node.input, ...node.output].find(
      (name) => name !== '' && !this.#types.has(name),
    );
    if (unknown !== undefined) return `the type of '${unknown}' is not known`;
    if (TOO_COARSE.has(type)) return 'float16 is too coarse for it, or not taken everywhere';
    const isKnown =
      SAME_TYPE_OPERATORS.has(type) || OBSERVERS.has(type) || MAKERS.has(type) || OTHERS.has(type);
    if (!isKnown) return 'it has no float16 form';
    if (this.#isQuantised(node)) return 'it is quantised already';
    const extra = node.output.slice(1).some((name) => name !== '');
    if (extra && isStandard(node, 'LayerNormalization', 'BatchNormalization')) {
      return 'its statistics are float32';
    }
    return undefined;
  }

  #isQuantised({ input, output }: NodeProto): boolean {
    const editor = this.#editor;
    return (
      input.some((name) => isStandard(editor.producer(name), 'DequantizeLinear')) ||
      output.some((name) => editor.users(name).some((user) => isStandard(user, 'QuantizeLinear')))
    );
  }

  /** The inputs of a node that are real and change from run to run. */
  #realInputs(node: NodeProto): string[] {
    return node.input.filter((name) => this.isReal(name) && !realConstant(this.#editor, name));
  }

  #holdsLargeConstant(node: NodeProto): boolean {
    return node.input.some((name) => {
      const tensor = realConstant(this.#editor, name);
      return tensor !== undefined && elementCount(tensor) >= LARGE_CONSTANT;
    });
  }

  /**
   * Arithmetic from integers to integers: sizes and positions, of which float16 holds but those to
   * 2048.
   */
  #keepCounts(): void {
    const isCast = (node: NodeProto): boolean => isStandard(node, 'Cast');
    const counts = new Set<NodeProto>();
    for (const node of this.#editor.nodes) {
      if (!this.converts(node) || this.#holdsLargeConstant(node)) continue;
      const inputs = this.#realInputs(node);
      const isCount = isCast(node)
        ? COUNTED.has(this.#types.get(node.input[0] ?? ''))
        : inputs.length > 0;
      const areCounts = inputs.every((name) => {
        const producer = this.#editor.producer(name);
        return producer !== undefined && counts.has(producer);
      });
      if (isCount && areCounts) counts.add(node);
    }
    const becomesInteger = (user: NodeProto): boolean =>
      isCast(user) && COUNTED.has(intAttribute(user, 'to'));
    for (const node of [...counts].reverse()) {
      const users = node.output.flatMap((name) => this.#editor.users(name));
      const isCounted = users.some(
        (user) =>
          becomesInteger(user) ||
          isStandard(user, 'Range') ||
          (counts.has(user) && !this.converts(user)),
      );
      if (isCounted) this.#reasons.set(node, 'counts and sizes, which float16 does not hold');
    }
  }

  /** What only moves values from float32 to float32 would be surrounded with Casts for nothing. */
  #keepBetweenFloat32(): void {
    const kept = this.#editor.nodes.filter(
      (node) =>
        this.converts(node) &&
        isStandard(node) &&
        MOVERS.has(node.opType ?? '') &&
        !this.#holdsLargeConstant(node),
    );
    for (const node of kept) this.#reasons.set(node, 'only moves values that are float32');
    const isBetween = (node: NodeProto): boolean =>
      !this.#realInputs(node).some((name) => this.isMadeAsFloat16(name)) &&
      !node.output.some((name) => this.isReal(name) && this.#isTakenAsFloat16(name));
    for (let left: readonly NodeProto[] = kept, before = -1; left.length !== before;) {
      before = left.length;
      left = left.filter((node) => {
        if (isBetween(node)) return true;
        this.#reasons.set(node, undefined);
        return false;
      });
    }
  }
}

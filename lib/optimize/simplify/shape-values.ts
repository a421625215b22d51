import {
  intAttribute,
  integerValues,
  isStandard,
  elementCount,
  OnnxDataType,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';
import type { PassContext } from './context';

/** A number, or the name of a size that is not known before the model runs. */
export type Size = number | string;

/** Lists longer than this are no shapes. */
const MAX_LENGTH = 64;
const MAX_DEPTH = 200;

const { INT64, INT32 } = OnnxDataType;

type Arithmetic = (a: number, b: number) => number;
const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => Math.trunc(a / b),
};

/** What is left of an operation with a size that is not known, where that is one of its operands. */
function unknownOperand(operator: string, a: Size, b: Size): Size | undefined {
  if (operator === 'Add') return a === 0 ? b : b === 0 ? a : undefined;
  if (operator === 'Sub') return b === 0 ? a : undefined;
  if (operator === 'Mul') return a === 1 ? b : b === 1 ? a : undefined;
  return b === 1 ? a : undefined;
}

/**
 * What small tensors of integers hold, element by element, as far as it follows from the shapes of
 * other tensors: sizes that are not known have the names that `ValueTypes` gives them, or one of
 * their own.
 */
export class ShapeValues {
  readonly #editor: GraphEditor;
  readonly #context: PassContext;
  readonly #known = new Map<string, readonly Size[] | undefined>();
  #depth = 0;

  constructor(editor: GraphEditor, context: PassContext) {
    this.#editor = editor;
    this.#context = context;
  }

  /** The elements of a scalar or a list of integers; undefined for anything else. */
  of(name: string | undefined): readonly Size[] | undefined {
    if (name === undefined || name === '') return undefined;
    if (this.#known.has(name)) return this.#known.get(name);
    // A graph may use itself in a circle, and be deeper than the stack.
    this.#known.set(name, undefined);
    if (this.#depth >= MAX_DEPTH) return undefined;
    this.#depth++;
    const value = this.#constant(name) ?? this.#computed(name) ?? this.#unknown(name);
    this.#depth--;
    this.#known.set(name, value);
    return value;
  }

  /** The sizes of a tensor, each with a name where it is not known. */
  dims(name: string): readonly Size[] | undefined {
    return this.#context.types.dims(name)?.map((dim, axis) => dim ?? `?${name}:dim ${axis}`);
  }

  #constant(name: string): readonly Size[] | undefined {
    const tensor = this.#editor.constant(name);
    if (!tensor || tensor.dims.length > 1 || elementCount(tensor) > MAX_LENGTH) return undefined;
    return integerValues(tensor);
  }

  /** Names for elements of which nothing is known but how many they are. */
  #unknown(name: string): readonly Size[] | undefined {
    const { types } = this.#context;
    const dims = types.fixedDims(name);
    const type = types.elementType(name);
    const [length = 1] = dims ?? [];
    if (!dims || dims.length > 1 || length > MAX_LENGTH) return undefined;
    if (type !== INT64 && type !== INT32) return undefined;
    return Array.from({ length }, (_, index) => `?${name}:${index}`);
  }

  #computed(name: string): readonly Size[] | undefined {
    const node = this.#editor.producer(name);
    if (!isStandard(node) || node.output[0] !== name) return undefined;
    const isFlat = (this.#context.types.rank(name) ?? 2) <= 1;
    switch (node.opType) {
      case 'Shape':
        return this.#shape(node);
      case 'Gather':
        return isFlat ? this.#gather(node) : undefined;
      case 'Slice':
        return this.#slice(node);
      case 'Concat':
        return this.#concat(node);
      case 'Squeeze':
      case 'Unsqueeze':
      case 'Reshape':
        return isFlat ? this.of(node.input[0]) : undefined;
      case 'Identity':
        return this.of(node.input[0]);
      case 'Cast': {
        const to = intAttribute(node, 'to');
        const from = this.#context.types.elementType(node.input[0]);
        const keeps = (to === INT64 || to === INT32) && (from === INT64 || from === INT32);
        return keeps ? this.of(node.input[0]) : undefined;
      }
      case 'Add':
      case 'Sub':
      case 'Mul':
      case 'Div':
        return this.#arithmetic(node, name);
      default:
        return undefined;
    }
  }

  #shape(node: NodeProto): readonly Size[] | undefined {
    const dims = this.dims(node.input[0] ?? '');
    return dims?.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', dims.length));
  }

  #gather(node: NodeProto): readonly Size[] | undefined {
    const data = this.#list(node.input[0]);
    const indices = this.of(node.input[1]);
    const gathered = indices?.map((index) =>
      typeof index === 'number' ? data?.at(index) : undefined,
    );
    return gathered?.includes(undefined) ? undefined : (gathered as Size[] | undefined);
  }

  /** The elements of a value of rank 1. */
  #list(name: string | undefined): readonly Size[] | undefined {
    return this.#context.types.rank(name) === 1 ? this.of(name) : undefined;
  }

  #slice(node: NodeProto): readonly Size[] | undefined {
    const data = this.#list(node.input[0]);
    const [starts, ends, axes = [0], steps = [1]] = node.input
      .slice(1)
      .map((name) => this.of(name));
    const [start, end, axis, step] = [starts?.[0], ends?.[0], axes[0], steps[0]];
    if (typeof start !== 'number' || typeof end !== 'number') return undefined;
    return (axis === 0 || axis === -1) && step === 1 ? data?.slice(start, end) : undefined;
  }

  #concat(node: NodeProto): readonly Size[] | undefined {
    const parts = node.input.map((name) => this.#list(name));
    const all = parts.flatMap((part) => part ?? []);
    return parts.includes(undefined) || all.length > MAX_LENGTH ? undefined : all;
  }

  #arithmetic(node: NodeProto, name: string): readonly Size[] | undefined {
    const operator = node.opType ?? '';
    const [a, b] = node.input.map((input) => this.of(input));
    if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return undefined;
    const length = a.length === 1 ? b.length : a.length;
    return Array.from({ length }, (_, index) => {
      const left = a[a.length === 1 ? 0 : index] ?? 0;
      const right = b[b.length === 1 ? 0 : index] ?? 0;
      const unknown = unknownOperand(operator, left, right);
      if (unknown !== undefined) return unknown;
      const isKnown = typeof left === 'number' && typeof right === 'number';
      const result = isKnown ? ARITHMETIC[operator]?.(left, right) : undefined;
      return result !== undefined && Number.isSafeInteger(result) ? result : `?${name}:${index}`;
    });
  }
}

import { OnliteError } from '../../errors';
import { builtinOperatorCode, builtinOperatorName, CUSTOM_OPERATOR } from './builtin-operators';
import { builtinCode } from './model';
import type { ModelT, OperatorT, SubGraphT, TensorT } from './objects';
import { schemaOf, unionTable } from './schema';
import { TensorType } from './tensor-type';

/** What operators of the old byte field are said to be when their code does not fit. */
const MAX_DEPRECATED_CODE = 127;

/** Looks into and changes one subgraph of a model. */
export class SubgraphEditor {
  readonly graph: SubGraphT;

  /** @throws OnliteError ERR_INVALID_ARGUMENT for a subgraph that the model does not have. */
  constructor(
    readonly model: ModelT,
    subgraph = 0,
  ) {
    const graph = model.subgraphs[subgraph];
    if (!graph)
      throw new OnliteError('ERR_INVALID_ARGUMENT', `subgraph ${subgraph}: there is none`);
    this.graph = graph;
  }

  tensor(index: number | undefined): TensorT | undefined {
    return index === undefined ? undefined : this.graph.tensors[index];
  }

  /** A built-in operator's name, or a custom one's own. */
  operatorName({ opcodeIndex = 0 }: OperatorT): string {
    const operator = this.model.operatorCodes[opcodeIndex] ?? {};
    const code = builtinCode(operator);
    return code === CUSTOM_OPERATOR ? (operator.customCode ?? '') : builtinOperatorName(code);
  }

  /** A number among an operator's options, by its name in the schema. */
  option({ builtinOptionsType = 0, builtinOptions }: OperatorT, name: string): number {
    const value = builtinOptions?.[name];
    if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
    const table = unionTable('BuiltinOptions', builtinOptionsType) ?? '';
    const type = schemaOf(table).byName.get(name)?.type;
    return type?.kind === 'scalar' ? type.fallback : 0;
  }

  /** A constant's bytes, as they are in the file; undefined for what is computed or fed. */
  constantBytes(index: number | undefined): Uint8Array | undefined {
    const tensor = this.tensor(index);
    const data = this.model.buffers[tensor?.buffer ?? 0]?.data;
    return tensor?.isVariable || tensor?.sparsity || !data?.byteLength ? undefined : data;
  }

  /**
   * A float32 constant's values, copied.
   *
   * @throws OnliteError ERR_MODEL_INVALID where they are not as many as the tensor's shape says
   */
  constantFloats(index: number | undefined): Float32Array<ArrayBuffer> | undefined {
    const bytes = this.#floatBytes(index);
    return bytes && new Float32Array(Uint8Array.from(bytes).buffer);
  }

  /**
   * Whether a tensor is a float32 constant.
   *
   * @throws OnliteError as {@link SubgraphEditor.constantFloats}
   */
  hasConstantFloats(index: number | undefined): boolean {
    return this.#floatBytes(index) !== undefined;
  }

  #floatBytes(index: number | undefined): Uint8Array | undefined {
    const bytes = this.constantBytes(index);
    const { type = 0, shape = [], name = '' } = this.tensor(index) ?? {};
    if (!bytes || type !== TensorType.float32) return undefined;
    const expected = shape.reduce((size, dim) => size * dim, Float32Array.BYTES_PER_ELEMENT);
    if (bytes.byteLength !== expected) {
      const sizes = `[${shape.join(', ')}] float32, got ${bytes.byteLength} bytes`;
      throw new OnliteError('ERR_MODEL_INVALID', `tensor '${name}': expected ${sizes}`);
    }
    return bytes;
  }

  addTensor(tensor: TensorT): number {
    return this.graph.tensors.push(tensor) - 1;
  }

  /** Adds a constant with a buffer of its own. */
  addConstant(tensor: TensorT, { buffer, byteOffset, byteLength }: ArrayBufferView): number {
    const data = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    return this.addTensor({ ...tensor, buffer: this.model.buffers.push({ data }) - 1 });
  }

  /** Gives an operator other values for a constant input; other operators keep the old ones. */
  replaceFloats(operator: OperatorT, position: number, values: Float32Array): void {
    const tensor = this.tensor(operator.inputs[position]) ?? {};
    operator.inputs[position] = this.addConstant(tensor, values);
  }

  /** The operator that alone takes a tensor, once, where the subgraph does not give it. */
  onlyUser(index: number): OperatorT | undefined {
    const { operators, outputs } = this.graph;
    if (index < 0 || outputs.includes(index)) return undefined;
    const users = operators.flatMap((operator) =>
      operator.inputs.flatMap((input) => (input === index ? [operator] : [])),
    );
    return users.length === 1 ? users[0] : undefined;
  }

  /** The index of a built-in operator's code, of this version at least where it is added. */
  opcode(name: string, version: number): number {
    const code = builtinOperatorCode(name);
    const { operatorCodes } = this.model;
    const known = operatorCodes.findIndex(
      (operator) => builtinCode(operator) === code && (operator.version ?? 1) === version,
    );
    if (known >= 0) return known;
    const deprecatedBuiltinCode = Math.min(code, MAX_DEPRECATED_CODE);
    return operatorCodes.push({ deprecatedBuiltinCode, builtinCode: code, version }) - 1;
  }

  /** Raises an operator's version to what a form of it needs. */
  requireVersion(operator: OperatorT, version: number): void {
    const own = this.model.operatorCodes[operator.opcodeIndex ?? 0]?.version ?? 1;
    if (own < version) operator.opcodeIndex = this.opcode(this.operatorName(operator), version);
  }
}

/** New numbers for the items that are used, and the items. */
function renumber<T>(items: readonly T[], used: ReadonlySet<number>): [T[], Map<number, number>] {
  const kept = [...items.keys()].filter((index) => used.has(index));
  return [
    kept.map((index) => items[index] as T),
    new Map(kept.map((index, position) => [index, position])),
  ];
}

function removeUnusedTensors(model: ModelT, subgraph: number): void {
  const graph = model.subgraphs[subgraph];
  if (!graph) return;
  const maps = model.signatureDefs
    .filter(({ subgraphIndex = 0 }) => subgraphIndex === subgraph)
    .flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
  const used = new Set([
    ...graph.inputs,
    ...graph.outputs,
    ...maps.map(({ tensorIndex = 0 }) => tensorIndex),
    ...graph.operators.flatMap(({ inputs, outputs, intermediates = [] }) => [
      ...inputs,
      ...outputs,
      ...intermediates,
    ]),
  ]);
  const [tensors, numbers] = renumber(graph.tensors, used);
  const renumbered = (list: readonly number[]): number[] =>
    list.map((index) => numbers.get(index) ?? -1);
  graph.tensors = tensors;
  graph.inputs = renumbered(graph.inputs);
  graph.outputs = renumbered(graph.outputs);
  for (const operator of graph.operators) {
    operator.inputs = renumbered(operator.inputs);
    operator.outputs = renumbered(operator.outputs);
    if (operator.intermediates) operator.intermediates = renumbered(operator.intermediates);
  }
  for (const map of maps) map.tensorIndex = numbers.get(map.tensorIndex ?? 0) ?? 0;
}

/** Removes tensors, buffers and operator codes that nothing uses; the first buffer stays, without data. */
export function removeUnused(model: ModelT): void {
  for (const index of model.subgraphs.keys()) removeUnusedTensors(model, index);
  const tensors = model.subgraphs.flatMap((graph) => graph.tensors);
  const operators = model.subgraphs.flatMap((graph) => graph.operators);
  const [buffers, bufferNumbers] = renumber(
    model.buffers,
    new Set([
      0,
      ...[...tensors, ...model.metadata].map(({ buffer = 0 }) => buffer),
      ...(model.metadataBuffer ?? []),
    ]),
  );
  const numberOf = (buffer = 0): number => bufferNumbers.get(buffer) ?? 0;
  model.buffers = buffers;
  for (const each of [...tensors, ...model.metadata]) each.buffer = numberOf(each.buffer);
  if (model.metadataBuffer) model.metadataBuffer = model.metadataBuffer.map(numberOf);
  const used = new Set(operators.map(({ opcodeIndex = 0 }) => opcodeIndex));
  const [codes, codeNumbers] = renumber(model.operatorCodes, used);
  model.operatorCodes = codes;
  for (const operator of operators) {
    operator.opcodeIndex = codeNumbers.get(operator.opcodeIndex ?? 0) ?? 0;
  }
}

import { readFileSync } from 'node:fs';

import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import {
  GraphEditor,
  makeAttribute,
  makeFloats,
  makeInt64s,
  makeNode,
  OnnxDataType,
  readOnnxModel,
  tensorValues,
  writeOnnxModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import type { OperatorDecision } from '../../../../lib/optimize/quantize/decision';
import {
  convertToFloat16,
  type Float16Options,
} from '../../../../lib/optimize/quantize/to-float16';
import { fixturePath } from '../../../fixtures/load';

const { FLOAT, FLOAT16, INT64 } = OnnxDataType;

const value = (name: string, elemType: number, dims?: string[]): GraphProto['input'][number] => ({
  name,
  metadataProps: [],
  type: {
    tensorType: {
      elemType,
      ...(dims ? { shape: { dim: dims.map((dimParam) => ({ dimParam })) } } : {}),
    },
  },
});

const graph = (node: NodeProto[], parts: Partial<GraphProto>): GraphProto => ({
  name: 'graph',
  node,
  initializer: [],
  input: [value('x', FLOAT, ['n', 'm'])],
  output: [value('y', FLOAT)],
  valueInfo: [],
  quantizationAnnotation: [],
  sparseInitializer: [],
  metadataProps: [],
  ...parts,
});

function convert(
  nodes: NodeProto[],
  initializer: TensorProto[] = [],
  {
    outputs = [value('y', FLOAT)],
    ...options
  }: Float16Options & { outputs?: GraphProto['output'] } = {},
): { result: ModelProto; bytes: Uint8Array; decisions: OperatorDecision[]; original: Uint8Array } {
  const original = writeOnnxModel({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [],
    functions: [],
    graph: graph(nodes, { initializer, output: outputs }),
  });
  const editor = new GraphEditor(readOnnxModel(original));
  const decisions = convertToFloat16(editor, options);
  const bytes = writeOnnxModel(editor.commit());
  return { result: readOnnxModel(bytes), bytes, decisions, original };
}

const edges = ({ graph: found }: ModelProto): string[] =>
  found!.node.map(({ input, opType, output }) => `${input.join()}>${opType}>${output.join()}`);

async function run(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Tensor[]> {
  await using session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const outputs: Record<string, unknown> = await session.run(feeds);
  return Object.values(outputs) as Tensor[];
}

const x = new Tensor('float32', Float32Array.of(0.5, -1, 2, 3, -4, 5), [2, 3]);

describe('converting to float16', () => {
  it('puts Casts where float32 is wanted and nowhere else', async () => {
    const { result, bytes, decisions, original } = convert([
      makeNode('Transpose', ['x'], ['t']),
      makeNode('Exp', ['t'], ['e']),
      makeNode('Max', ['e', 't'], ['most']),
      makeNode('Neg', ['most'], ['y']),
    ]);
    expect(edges(result)).toEqual([
      'x>Cast>x_float16',
      'x_float16>Transpose>t',
      't>Exp>e',
      'e>Cast>e_float32',
      't>Cast>t_float32',
      'e_float32,t_float32>Max>most',
      'most>Cast>most_float16',
      'most_float16>Neg>y_float16',
      'y_float16>Cast>y',
    ]);
    expect(decisions.map(({ as, reason }) => as ?? reason)).toEqual([
      'float16',
      'float16',
      'float16 is too coarse for it, or not taken everywhere',
      'float16',
    ]);
    const [found] = await run(bytes, { x });
    const [expected] = await run(original, { x });
    for (const [at, each] of (found!.data as Float32Array).entries()) {
      expect(Math.abs(each / (expected!.data as Float32Array)[at]! - 1)).toBeLessThan(4e-3);
    }
  });

  it('clamps weights, whatever form a constant has', () => {
    const { result } = convert(
      [
        makeNode('Constant', [], ['c'], { attributes: { value_floats: [1e9, 1e-12, -Infinity] } }),
        makeNode('Mul', ['x', 'c'], ['h']),
        makeNode('Add', ['h', 'w'], ['y']),
      ],
      [makeFloats('w', [-70000, -1e-30, 0])],
    );
    const [constant] = result.graph!.node.filter(({ opType }) => opType === 'Constant');
    expect([...tensorValues(constant!.attribute[0]!.t!, FLOAT16)]).toEqual([0x7bff, 1, 0xfc00]);
    const [weight] = result.graph!.initializer;
    expect([...tensorValues(weight!, FLOAT16)]).toEqual([0xfbff, 0x8001, 0]);
  });

  it('keeps sizes and positions, which are integers before and after, in float32', async () => {
    const { decisions, bytes } = convert(
      [
        makeNode('Cast', ['large'], ['real'], { attributes: { to: BigInt(FLOAT) } }),
        makeNode('Mul', ['real', 'one'], ['scaled']),
        makeNode('Cast', ['scaled'], ['y'], { attributes: { to: BigInt(INT64) } }),
        makeNode('Exp', ['x'], ['z']),
      ],
      [makeInt64s('large', [4097]), makeFloats('one', [1])],
      { outputs: [value('y', INT64), value('z', FLOAT)] },
    );
    expect(decisions.map(({ as }) => as)).toEqual([undefined, undefined, undefined, 'float16']);
    const [size] = await run(bytes, { x });
    expect(size!.data).toEqual(BigInt64Array.of(4097n));
  });

  it('leaves no Cast of a Cast where a model computes in float16 already', () => {
    const to = (type: number) => ({ attributes: { to: BigInt(type) } });
    const { result } = convert([
      makeNode('Cast', ['x'], ['half'], to(FLOAT16)),
      makeNode('Exp', ['half'], ['e']),
      makeNode('Cast', ['e'], ['single'], to(FLOAT)),
      makeNode('Neg', ['single'], ['negative']),
      makeNode('Cast', ['negative'], ['again'], to(FLOAT16)),
      makeNode('Neg', ['again'], ['positive']),
      makeNode('Cast', ['positive'], ['y'], to(FLOAT)),
    ]);
    expect(result.graph!.node.map(({ opType }) => opType)).toEqual([
      'Cast',
      'Exp',
      'Neg',
      'Neg',
      'Cast',
    ]);
  });

  it('gives a branch what it takes from around it as float32', async () => {
    const branch = (opType: string): GraphProto =>
      graph([makeNode(opType, ['h'], [opType])], { input: [], output: [value(opType, FLOAT)] });
    const node = makeNode('If', ['true'], ['chosen']);
    for (const [name, opType] of [
      ['then_branch', 'Neg'],
      ['else_branch', 'Abs'],
    ] as const) {
      node.attribute.push({ ...makeAttribute(name, 0), type: 5, g: branch(opType) });
      delete node.attribute.at(-1)!.f;
    }
    const isTrue = { ...makeInt64s('true', [], []), dataType: OnnxDataType.BOOL };
    isTrue.rawData = Uint8Array.of(1);
    const { bytes, decisions } = convert(
      [makeNode('Exp', ['x'], ['h']), node, makeNode('Add', ['chosen', 'h'], ['y'])],
      [isTrue],
    );
    expect(decisions.map(({ reason }) => reason)).toEqual([
      undefined,
      'the graphs in it compute in float32',
      undefined,
    ]);
    const [sum] = await run(bytes, { x });
    expect(sum!.data).toEqual(new Float32Array(6));
  });

  it('changes inputs and outputs if it may, and leaves nodes by name', async () => {
    const editor = new GraphEditor(readOnnxModel(readFileSync(fixturePath('models/add4.onnx'))));
    convertToFloat16(editor, { keepIo: false });
    await using session = await InferenceSession.create(writeOnnxModel(editor.commit()));
    const types = [...session.inputMetadata, ...session.outputMetadata].map((value) =>
      value.isTensor ? value.type : value.kind,
    );
    expect(new Set(types)).toEqual(new Set(['float16']));
    const { decisions } = convert([makeNode('Exp', ['x'], ['y'])], [], { exclude: ['y'] });
    expect(decisions).toEqual([{ node: 'y', operator: 'Exp', reason: 'excluded by name' }]);
    expect(() => convert([makeNode('Exp', ['x'], ['y'])], [], { exclude: ['z'] })).toThrow(
      'exclude',
    );
  });
});

import { describe, expect, it } from 'vitest';

import {
  GraphEditor,
  intAttribute,
  integerValues,
  intsAttribute,
  makeAttribute,
  makeFloats,
  makeInt64s,
  makeNode,
  OnnxAttributeType,
  OnnxDataType,
  setAttribute,
  stringAttribute,
  tensorValues,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../../../lib/formats/onnx';

function graph(parts: Partial<GraphProto>): GraphProto {
  return {
    node: [],
    initializer: [],
    input: [],
    output: [],
    valueInfo: [],
    quantizationAnnotation: [],
    sparseInitializer: [],
    metadataProps: [],
    ...parts,
  };
}

const values = (...names: string[]): GraphProto['input'] =>
  names.map((name) => ({ name, metadataProps: [] }));

function model(nodes: NodeProto[], parts: Partial<GraphProto> = {}): ModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [],
    functions: [],
    graph: graph({ input: values('x'), output: values('y'), node: nodes, ...parts }),
  };
}

const edges = ({ graph: found }: ModelProto): string[] =>
  found!.node.map(({ input, opType, output }) => `${input.join()}>${opType}>${output.join()}`);

/** An If whose branches take `then` and `other` from the graph around them. */
function branches(condition: string, then: string, other: string, output: string): NodeProto {
  const node = makeNode('If', [condition], [output]);
  for (const [name, taken] of [
    ['then_branch', then],
    ['else_branch', other],
  ] as const) {
    const result = `${output}_${name}`;
    const g = graph({ node: [makeNode('Relu', [taken], [result])], output: values(result) });
    node.attribute.push({ ...makeAttribute(name, 0n), type: OnnxAttributeType.GRAPH, g });
  }
  return node;
}

describe('GraphEditor', () => {
  it('knows who makes and who uses a value', () => {
    const [a, b] = [makeNode('Relu', ['x'], ['a']), makeNode('Add', ['a', 'a'], ['y'])];
    const editor = new GraphEditor(model([a, b]));
    expect(editor.producer('a')).toBe(a);
    expect(editor.users('a')).toEqual([b]);
    expect(editor.onlyUser('a')).toBeUndefined();
    expect(editor.onlyUser('x')).toBe(a);
    expect(editor.onlyUser('y')).toBeUndefined();
    expect(editor.opset('ai.onnx')).toBe(17);
  });

  it('counts what a branch takes from around it as a use', () => {
    const [a, b] = [makeNode('Neg', ['x'], ['a']), makeNode('Abs', ['x'], ['b'])];
    const either = branches('c', 'a', 'b', 'y');
    const edited = model([a, b, either], { input: values('x', 'c') });
    const editor = new GraphEditor(edited);
    expect(editor.users('a')).toEqual([either]);
    editor.replaceUses('a', 'x');
    editor.removeUnused();
    editor.commit();
    expect(edges(edited)).toEqual(['x>Abs>b', 'c>If>y']);
    expect(edited.graph!.node[1]!.attribute[0]!.g!.node[0]!.input).toEqual(['x']);
  });

  it('bypasses a node before an output of the graph', () => {
    const edited = model([makeNode('Relu', ['x'], ['a']), makeNode('Identity', ['a'], ['y'])]);
    const editor = new GraphEditor(edited);
    expect(editor.bypass(editor.producer('y')!)).toBe(true);
    editor.commit();
    expect(edges(edited)).toEqual(['x>Relu>y']);
  });

  it('does not bypass where an input would become an output', () => {
    const edited = model([makeNode('Identity', ['x'], ['y'])]);
    const editor = new GraphEditor(edited);
    expect(editor.bypass(editor.producer('y')!)).toBe(false);
    expect(edges(editor.commit())).toEqual(['x>Identity>y']);
  });

  it('orders nodes that were added', () => {
    const edited = model([makeNode('Relu', ['x'], ['y'])]);
    const editor = new GraphEditor(edited);
    const between = editor.uniqueName('y');
    editor.setOutput(editor.producer('y')!, 0, between);
    const scale = editor.addInitializer(makeFloats('scale', [2], []));
    editor.addNode(makeNode('Mul', ['z', scale], ['y']));
    editor.addNode(makeNode('Exp', [between], ['z']));
    editor.commit();
    expect(edges(edited)).toEqual(['x>Relu>y_1', 'y_1>Exp>z', 'z,scale>Mul>y']);
    expect(edited.graph!.initializer.map(({ name }) => name)).toEqual(['scale']);
  });

  it('finds constants, but not those that an input may replace', () => {
    const constant = makeNode('Constant', [], ['c'], {
      attributes: { value: makeInt64s('', [3, -1]) },
    });
    const edited = model([constant, makeNode('Add', ['x', 'w'], ['y'])], {
      input: values('x', 'w'),
      initializer: [makeFloats('w', [1]), makeFloats('v', [1, 2])],
    });
    const editor = new GraphEditor(edited);
    expect(integerValues(editor.constant('c')!)).toEqual([3, -1]);
    expect(editor.constant('w')).toBeUndefined();
    expect([...tensorValues(editor.constant('v')!, OnnxDataType.FLOAT)]).toEqual([1, 2]);
  });

  it('reads elements of a file at any address', () => {
    const file = Buffer.alloc(9);
    file.writeFloatLE(0.5, 1);
    file.writeFloatLE(-2, 5);
    const tensor = { ...makeFloats('w', [0, 0]), rawData: file.subarray(1) };
    expect([...tensorValues(tensor, OnnxDataType.FLOAT)]).toEqual([0.5, -2]);
  });

  it('refuses values that are made twice and circles', () => {
    const invalid = expect.objectContaining({ code: 'ERR_MODEL_INVALID' }) as unknown as Error;
    const twice = model([makeNode('Relu', ['x'], ['y']), makeNode('Neg', ['x'], ['y'])]);
    expect(() => new GraphEditor(twice)).toThrow(invalid);
    const circle = model([makeNode('Add', ['x', 'y'], ['a']), makeNode('Add', ['a', 'x'], ['y'])]);
    expect(() => new GraphEditor(circle).commit()).toThrow(invalid);
  });

  it('reads and sets attributes', () => {
    const node = makeNode('Conv', [], [], { attributes: { group: 4n, pads: [1n, 2n] } });
    expect(intAttribute(node, 'group')).toBe(4);
    expect(intAttribute(node, 'none', 7)).toBe(7);
    expect(intsAttribute(node, 'pads')).toEqual([1, 2]);
    setAttribute(node, 'auto_pad', 'VALID');
    setAttribute(node, 'group', 1n);
    expect(stringAttribute(node, 'auto_pad', 'NOTSET')).toBe('VALID');
    expect(intAttribute(node, 'group')).toBe(1);
    expect(node.attribute).toHaveLength(3);
  });
});

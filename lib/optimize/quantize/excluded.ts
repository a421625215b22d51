import { OnliteError } from '../../errors';
import type { GraphEditor } from '../../formats/onnx';
import { nodeLabel, nodesNamed } from './decision';
import { inspectModel } from './workspace';

/**
 * What nodes of a model, by their names, are called in the model that was made of it: by a value
 * that both make, or that of the only node which used it, where the two have become one.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for a name that no node has, ERR_UNSUPPORTED for a node
 *   that is no longer there.
 */
export function excludedNodes(
  models: readonly [input: string, simplified: string],
  names: readonly string[],
): ReadonlySet<string> {
  if (names.length === 0) return new Set();
  const values = inspectModel(models[0], (editor) =>
    [...nodesNamed(editor, names, 'options.exclude')].map((node) => ({
      name: nodeLabel(node),
      own: node.output,
      next: editor.onlyUser(node.output[0])?.output ?? [],
    })),
  );
  return inspectModel(models[1], (editor) => {
    const maker = (outputs: readonly string[]): ReturnType<GraphEditor['producer']> =>
      outputs.map((output) => editor.producer(output)).find((node) => node !== undefined);
    return new Set(
      values.map(({ name, own, next }) => {
        const node = maker(own) ?? maker(next);
        if (node) return nodeLabel(node);
        throw new OnliteError(
          'ERR_UNSUPPORTED',
          `options.exclude: '${name}' is no operator of its own in the simplified model`,
        );
      }),
    );
  });
}

import { invalidArgument } from '../../../errors';
import { calledSubgraphs, SubgraphEditor, type ModelT } from '../../../formats/tflite';
import { operatorLabel } from './int8-plan';

/**
 * The operators that are to stay as they are, by the name of their first output.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for a name that no operator's output has
 */
export function excludedOperators(model: ModelT, names: readonly string[]): ReadonlySet<string> {
  const labels = new Set(
    calledSubgraphs(model).flatMap((index) => {
      const editor = new SubgraphEditor(model, index);
      return editor.graph.operators.map((operator) => operatorLabel(editor, operator));
    }),
  );
  const missing = names.find((name) => !labels.has(name));
  if (missing !== undefined) {
    throw invalidArgument('options.exclude', "the name of an operator's first output", missing);
  }
  return new Set(names);
}

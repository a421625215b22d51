import {
  cloneModel,
  readTfliteFile,
  removeUnused,
  SubgraphEditor,
  writeTfliteFile,
  type ModelT,
} from '../../../formats/tflite';
import type { Workspace } from '../workspace';

/**
 * Reads a model anew for use; nothing of it is changed on disk. Tensors between operators have names
 * of their own.
 */
export async function openTflite(file: string): Promise<SubgraphEditor> {
  const editor = new SubgraphEditor(await readTfliteFile(file));
  nameAlike(editor);
  return editor;
}

/**
 * Edits a model and writes it into a file of its own, without what has no use any more. One that is
 * open stays as it is.
 */
export async function rewriteTflite<Result>(
  file: string | ModelT,
  workspace: Workspace,
  name: string,
  edit: (editor: SubgraphEditor) => Result | Promise<Result>,
): Promise<{ file: string; result: Result }> {
  const editor =
    typeof file === 'string' ? await openTflite(file) : new SubgraphEditor(cloneModel(file));
  const result = await edit(editor);
  removeUnused(editor.model);
  const target = workspace.path(name, 'tflite');
  await writeTfliteFile(editor.model, target);
  return { file: target, result };
}

/** Tensors between operators are told by their names, which a file may have twice or not at all. */
function nameAlike({ graph }: SubgraphEditor): void {
  const ends = new Set([...graph.inputs, ...graph.outputs]);
  const taken = new Set([...ends].map((index) => graph.tensors[index]?.name));
  for (const [index, tensor] of graph.tensors.entries()) {
    if (ends.has(index)) continue;
    const { name = '' } = tensor;
    if (name === '' || taken.has(name)) tensor.name = `${name || 'tensor'}:${index}`;
    taken.add(tensor.name);
  }
}

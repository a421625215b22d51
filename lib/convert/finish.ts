import { openOnnxFile, writeOnnxFile } from '../formats/onnx';
import { readTfliteFile, writeTfliteFile, type ModelT } from '../formats/tflite';
import type { Described } from './described';
import type { TargetFormat } from './plan';

/** The entry of a model's metadata that says what it was made of. */
export const PROVENANCE_KEY = 'onlite.conversion';

/** Gives the tensors of a subgraph's ends the names that the signature has, in the source's order. */
function nameEnd(
  subgraph: ModelT['subgraphs'][number],
  end: 'inputs' | 'outputs',
  maps: ModelT['signatureDefs'][number]['inputs'],
  order: readonly string[],
): void {
  const names = new Map(maps.map(({ name = '', tensorIndex = 0 }) => [tensorIndex, name]));
  // One tensor may be two outputs.
  if (names.size !== maps.length || maps.length !== subgraph[end].length) return;
  const others = subgraph.tensors.filter((_, index) => !names.has(index));
  const taken = new Set(others.map(({ name }) => name));
  for (const [index, name] of names) {
    const tensor = subgraph.tensors[index];
    if (tensor && !taken.has(name)) tensor.name = name;
  }
  const place = (index: number): number => order.indexOf(names.get(index) ?? '');
  subgraph[end] = [...subgraph[end]].sort((a, b) => place(a) - place(b));
}

/** Names of inputs and outputs as the source has them, which the runtime reads from the tensors. */
function nameAsSource(model: ModelT, { signatures }: Described): void {
  for (const { signatureKey = '', subgraphIndex = 0, inputs, outputs } of model.signatureDefs) {
    const source = signatures?.[signatureKey];
    const subgraph = model.subgraphs[subgraphIndex];
    if (!source || !subgraph) continue;
    const namesOf = (end: 'inputs' | 'outputs'): string[] => source[end].map(({ name }) => name);
    nameEnd(subgraph, 'inputs', inputs, namesOf('inputs'));
    nameEnd(subgraph, 'outputs', outputs, namesOf('outputs'));
  }
}

/**
 * Writes what a converter has made with the source's names, and with a line of JSON in its metadata
 * that says what it was made of.
 *
 * @throws OnliteError ERR_MODEL_INVALID where it is no model that onlite can read; as the writers do
 */
export async function finish(
  made: string,
  target: string,
  format: TargetFormat,
  { described, provenance }: { readonly described: Described; readonly provenance: string },
): Promise<void> {
  if (format === 'tflite') {
    const model = await readTfliteFile(made);
    nameAsSource(model, described);
    const others = model.metadata.filter(({ name }) => name !== PROVENANCE_KEY);
    const buffer = model.buffers.push({ data: Buffer.from(provenance) }) - 1;
    model.metadata = [...others, { name: PROVENANCE_KEY, buffer }];
    await writeTfliteFile(model, target);
    return;
  }
  const file = openOnnxFile(made);
  try {
    const { model } = file;
    const others = model.metadataProps.filter(({ key }) => key !== PROVENANCE_KEY);
    model.metadataProps = [...others, { key: PROVENANCE_KEY, value: provenance }];
    await writeOnnxFile(model, target);
  } finally {
    file.close();
  }
}

/** Writes a finished model where it belongs; weights beside it come along. */
export async function place(finished: string, target: string, format: TargetFormat): Promise<void> {
  if (format === 'tflite') {
    await writeTfliteFile(await readTfliteFile(finished), target);
    return;
  }
  const file = openOnnxFile(finished);
  try {
    await writeOnnxFile(file.model, target);
  } finally {
    file.close();
  }
}

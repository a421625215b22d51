import { readTfliteFile, writeTfliteFile } from '../../../formats/tflite';

/** Writes a model with an entry of metadata that is a text, in place of one of that name. */
export async function writeTfliteWith(
  file: string,
  output: string,
  name: string,
  text: string,
): Promise<void> {
  const model = await readTfliteFile(file);
  const others = model.metadata.filter((entry) => entry.name !== name);
  const buffer = model.buffers.push({ data: Buffer.from(text) }) - 1;
  model.metadata = [...others, { name, buffer }];
  await writeTfliteFile(model, output);
}

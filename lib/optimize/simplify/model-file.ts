import { randomUUID } from 'node:crypto';
import { open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { OnliteError } from '../../errors';
import {
  externalDataLocation,
  OnnxDataType,
  tensorByteLength,
  tensorBytes,
  walkModel,
  writeOnnxModel,
  type ModelProto,
  type TensorProto,
} from '../../formats/onnx';

/** Smaller tensors stay in the model's file: shapes and the like are looked for there. */
const LEAST_EXTERNAL = 1024;
/** Data that is aligned so can be mapped into memory on every system. */
const ALIGNMENT = 65_536;

function tensorsOf(model: ModelProto): TensorProto[] {
  const tensors: TensorProto[] = [];
  walkModel(model, { tensor: (tensor) => tensors.push(tensor) });
  return tensors;
}

export const hasExternalData = (model: ModelProto): boolean =>
  tensorsOf(model).some((tensor) => externalDataLocation(tensor) !== undefined);

/**
 * Bytes of a model and its external data.
 *
 * @param written - the model's file, if there is one
 */
export function modelBytes(model: ModelProto, written = writeOnnxModel(model)): number {
  const outside = tensorsOf(model).filter((tensor) => externalDataLocation(tensor));
  return outside.reduce((sum, tensor) => sum + tensorByteLength(tensor), written.byteLength);
}

/** The model with all its data inside. */
function withInlineData(model: ModelProto, folder: string | undefined): ModelProto {
  const { graph } = model;
  if (!graph) return model;
  const initializer = graph.initializer.map((tensor) =>
    externalDataLocation(tensor)
      ? { ...tensor, rawData: tensorBytes(tensor, folder), externalData: [], dataLocation: 0 }
      : tensor,
  );
  return { ...model, graph: { ...graph, initializer } };
}

/** Writes the large tensors of a model to a file, and gives the model that refers to it. */
async function writeData(
  model: ModelProto,
  folder: string | undefined,
  file: FileHandle,
  location: string,
): Promise<ModelProto> {
  const { graph } = model;
  if (!graph) return model;
  let end = 0;
  const initializer: TensorProto[] = [];
  for (const tensor of graph.initializer) {
    const isLarge =
      tensor.dataType !== OnnxDataType.STRING && tensorByteLength(tensor) >= LEAST_EXTERNAL;
    if (!isLarge) {
      initializer.push(tensor);
      continue;
    }
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const bytes = tensorBytes(tensor, folder);
    await file.write(bytes, 0, bytes.byteLength, offset);
    end = offset + bytes.byteLength;
    const entries = { location, offset: String(offset), length: String(bytes.byteLength) };
    const { rawData: _, ...rest } = tensor;
    initializer.push({
      ...rest,
      floatData: [],
      int32Data: [],
      int64Data: [],
      doubleData: [],
      uint64Data: [],
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
      dataLocation: 1,
    });
  }
  return { ...model, graph: { ...graph, initializer } };
}

/** Writes a file in the place of one, all of it or nothing. */
async function replaceFile(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await write(handle);
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    if (cause instanceof OnliteError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OnliteError('ERR_INVALID_ARGUMENT', `output: ${reason}`, { cause });
  }
}

/**
 * Writes a model in the place of a file, all of it or nothing.
 *
 * @param folder - of the file that the model was read from
 * @param isExternal - whether large tensors go to a file beside it, `OUTPUT.data`
 */
export async function writeModelFile(
  model: ModelProto,
  folder: string | undefined,
  output: string,
  isExternal: boolean,
): Promise<void> {
  let written = model;
  if (isExternal) {
    const location = `${basename(output)}.data`;
    await replaceFile(join(dirname(output), location), async (handle) => {
      written = await writeData(model, folder, handle, location);
    });
  }
  await replaceFile(output, (handle) => writeFile(handle, writeOnnxModel(written)));
}

export const copyModelFile = (bytes: Uint8Array, output: string): Promise<void> =>
  replaceFile(output, (handle) => writeFile(handle, bytes));

/** A model's bytes with all its data inside. */
export const inlineModel = (model: ModelProto, folder: string | undefined): Uint8Array =>
  writeOnnxModel(withInlineData(model, folder));

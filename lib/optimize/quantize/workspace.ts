import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { makeTemporaryFolder } from '../../files';
import {
  cloneModel,
  GraphEditor,
  openOnnxFile,
  writeOnnxFile,
  type ModelProto,
} from '../../formats/onnx';

/** What is done with a model; `folder` is where its external data lies. */
export type ModelUse<Result> = (editor: GraphEditor, folder: string) => Result;

/** A model that is open, and where its external data lies. */
export interface OpenModel {
  readonly model: ModelProto;
  readonly folder: string;
}

/** Opens a model's structure anew and closes it after use: nothing of it is changed on disk. */
export function inspectModel<Result>(file: string, use: ModelUse<Result>): Result {
  const opened = openOnnxFile(file);
  try {
    return use(new GraphEditor(opened.model), dirname(file));
  } finally {
    opened.close();
  }
}

/** A folder of models that are there for as long as it takes to choose one of them. */
export class Workspace {
  readonly folder: string;
  #files = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Workspace> {
    return new Workspace(await makeTemporaryFolder('onlite-optimize-'));
  }

  /** A path that nothing has yet. */
  path(name: string, extension: 'onnx' | 'tflite' = 'onnx'): string {
    return join(this.folder, `${this.#files++}-${name}.${extension}`);
  }

  /**
   * Edits a model and writes it into a file of its own, without what has no use any more. One that is
   * open stays as it is.
   */
  async rewrite<Result>(
    file: string | OpenModel,
    name: string,
    edit: ModelUse<Result | Promise<Result>>,
  ): Promise<{ file: string; result: Result }> {
    if (typeof file !== 'string') {
      return this.#write({ ...file, model: cloneModel(file.model) }, name, edit);
    }
    const opened = openOnnxFile(file);
    try {
      return await this.#write({ model: opened.model, folder: dirname(file) }, name, edit);
    } finally {
      opened.close();
    }
  }

  async #write<Result>(
    { model, folder }: OpenModel,
    name: string,
    edit: ModelUse<Result | Promise<Result>>,
  ): Promise<{ file: string; result: Result }> {
    const editor = new GraphEditor(model);
    const result = await edit(editor, folder);
    editor.removeUnused();
    const target = this.path(name);
    await writeOnnxFile(editor.commit(), target, { externalData: 'mappable' });
    return { file: target, result };
  }

  /** Removes a model that will not be the result. */
  async discard(file: string): Promise<void> {
    await rm(file, { force: true });
    await rm(`${file}.data`, { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

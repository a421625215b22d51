import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { checkString } from '../../checks';
import { OnliteError } from '../../errors';
import { externalDataFile, readOnnxStructure, walkModel } from '../../formats/onnx';

/** Whether two paths are names of one file that is there: links of either kind are. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  const [first, second] = [one, other].map((path) =>
    stat(path, { bigint: true }).catch(() => undefined),
  );
  const [a, b] = [await first, await second];
  // Some file systems number no files.
  return a !== undefined && b !== undefined && a.ino !== 0n && a.ino === b.ino && a.dev === b.dev;
}

/** An ONNX model's files of external data; none of what is no such model, which others judge. */
function externalFiles(model: string): ReadonlySet<string> {
  const files = new Set<string>();
  try {
    walkModel(readOnnxStructure(model), {
      tensor: (tensor) => {
        const file = externalDataFile(tensor, dirname(model));
        if (file !== undefined) files.add(file);
      },
    });
  } catch (error) {
    if (!(error instanceof OnliteError)) throw error;
  }
  return files;
}

/**
 * Before the work: the original must stay, and the result must have a place.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export async function checkPaths(input: string, output: string): Promise<void> {
  checkString(input, 'input');
  checkString(output, 'output');
  if (await isSameFile(input, output)) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', 'output: it is the input, which is to be kept');
  }
  for (const data of externalFiles(input)) {
    const others = [output, `${output}.data`];
    const lost = await Promise.all(others.map((other) => isSameFile(data, other)));
    if (!lost.includes(true)) continue;
    const message = `output: '${output}' would replace '${data}', which has weights of the input`;
    throw new OnliteError('ERR_INVALID_ARGUMENT', message);
  }
  const folder = await stat(dirname(output)).catch((cause: unknown) => {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `output: no folder for '${output}'`, { cause });
  });
  const isFolder = (await stat(output).catch(() => undefined))?.isDirectory() === true;
  if (!folder.isDirectory() || isFolder) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `output: '${output}' cannot be a file`);
  }
}

import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { checkString } from '../../checks';
import { OnliteError } from '../../errors';

/**
 * Before the work: the original must stay, and the result must have a place.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export async function checkPaths(input: string, output: string): Promise<void> {
  checkString(input, 'input');
  checkString(output, 'output');
  const realPath = (path: string): Promise<string | undefined> =>
    realpath(path).catch(() => undefined);
  const [source, target] = [await realPath(input), await realPath(output)];
  if (source !== undefined && source === target) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', 'output: it is the input, which is to be kept');
  }
  const folder = await stat(dirname(output)).catch((cause: unknown) => {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `output: no folder for '${output}'`, { cause });
  });
  const isFolder = (await stat(output).catch(() => undefined))?.isDirectory() === true;
  if (!folder.isDirectory() || isFolder) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `output: '${output}' cannot be a file`);
  }
}

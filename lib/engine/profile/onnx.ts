import { rmSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { OnliteError } from '../../errors';
import { OnnxTraces } from './onnx-trace';

/** What is read at most; a string of V8's ends not far beyond. */
const maxTraceBytes = 256 << 20;

/**
 * Profiles runs of an ONNX session, each into a file of its own in a private
 * folder that is gone afterwards, whatever happens.
 *
 * @param run - makes one run whose profile's path begins with the prefix, and
 *   settles when the run has ended natively; without a prefix an ordinary run
 * @throws OnliteError what `run` throws; ERR_UNSUPPORTED if the session itself is
 *   being profiled or the profile is too large; ERR_RUN_FAILED if it cannot be
 *   written or read.
 */
export async function profileOnnx(
  runs: number,
  run: (prefix?: string) => Promise<void>,
): Promise<OnnxTraces> {
  const traces = new OnnxTraces();
  const folder = await makeFolder();
  const removeAtExit = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', removeAtExit);
  try {
    await run();
    for (let index = 0; index < runs; index++) {
      await run(join(folder, 'run'));
      traces.add(await takeTrace(folder));
    }
  } finally {
    process.removeListener('exit', removeAtExit);
    await rm(folder, { recursive: true, force: true });
  }
  return traces;
}

/** For this user only (mode 0700). */
async function makeFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'onlite-profile-'));
  } catch (cause) {
    throw new OnliteError('ERR_RUN_FAILED', 'profile: no temporary folder can be made', { cause });
  }
}

/** Reads the one file in the folder, and removes it. */
async function takeTrace(folder: string): Promise<string> {
  const [name] = await readdir(folder);
  if (name === undefined) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'profile: ONNX Runtime wrote none; a session with enableProfiling profiles into its own file',
    );
  }
  const file = join(folder, name);
  const { size } = await stat(file);
  if (size > maxTraceBytes) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `profile: ${size} bytes for one run, more than ${maxTraceBytes}`,
    );
  }
  const text = await readFile(file, 'utf8');
  await rm(file);
  return text;
}

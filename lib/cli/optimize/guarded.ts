import type { SessionOptions } from '../../engine/session/session-options';
import { OnliteError } from '../../errors';
import { openOnnxFile, onnxByteLength, writeOnnxFile } from '../../formats/onnx';
import type { Sample } from '../../optimize/compare/sample';
import type { Fidelity } from '../../optimize/guard/fidelity';
import { fidelityFaults, speedFaults, type Guarded } from '../../optimize/guard/guard';
import { setProvenance } from '../../optimize/guard/provenance';
import { measureSpeedup } from '../../optimize/guard/speedup';
import { Yardstick } from '../../optimize/guard/yardstick';
import type { OptimizedModel } from '../../optimize/simplify/optimize-model';
import type { OptimizeCommand } from './options';

/** What is asked of an optimised model's speed, which is not what it was made for. */
export const MIN_SPEEDUP = 0.95;

/** What was measured of an optimised model beside the original. */
export interface GuardedOptimization extends Partial<Pick<Guarded, 'fidelity' | 'speedup'>> {
  readonly refused: readonly string[];
}

/** Undefined where no output has numbers that are the same from run to run. */
async function fidelityOf(made: string, yardstick: Yardstick): Promise<Fidelity | undefined> {
  try {
    return await yardstick.fidelity(made);
  } catch (error) {
    if (error instanceof OnliteError && error.code === 'ERR_UNSUPPORTED') return undefined;
    throw error;
  }
}

/** Measures an optimised model beside the original and judges it. */
export async function guardOptimized(
  made: string,
  { input, limits, threads, speed, task, judged }: OptimizeCommand,
  samples: readonly Sample[],
  { random }: OptimizedModel['verification'],
  signal: AbortSignal,
): Promise<GuardedOptimization> {
  const session: SessionOptions = { logSeverityLevel: 4, intraOpNumThreads: threads };
  const common = { session, signal };
  const yardstick = new Yardstick(input, () => samples, {
    ...common,
    random,
    ...(judged === undefined ? {} : { output: judged }),
    ...(task === undefined ? {} : { task }),
  });
  const judging = { minSpeedup: MIN_SPEEDUP, givesBenefitOfDoubt: true, ...limits };
  const fidelity = await fidelityOf(made, yardstick);
  const speedup =
    speed &&
    (await measureSpeedup([input, made], samples, { ...common, limit: judging.minSpeedup }));
  return {
    ...(fidelity ? { fidelity } : {}),
    ...(speedup ? { speedup } : {}),
    refused: [
      ...(fidelity ? fidelityFaults(fidelity, judging) : []),
      ...(speedup ? speedFaults(speedup, judging) : []),
    ],
  };
}

/** The key of an optimised model's metadata that says how it was made and what was measured. */
const METADATA = 'onlite.optimization';

/**
 * Writes the optimised model where it belongs; external data stays outside. A model that was changed
 * gets a line of metadata, if it stays as small as the original with it.
 *
 * @returns the model's bytes, those of external data too
 */
export async function writeOptimized(
  made: string,
  output: string,
  { level, before, after, passes, verification }: Omit<OptimizedModel, 'samples'>,
  guarded: GuardedOptimization,
): Promise<number> {
  const opened = openOnnxFile(made);
  try {
    const { model, hasExternalData } = opened;
    const { metadataProps } = model;
    if (Object.keys(passes).length > 0) {
      const nodes = [before.nodes, after.nodes];
      const { maxRelativeError } = verification;
      setProvenance(model, METADATA, { level, nodes, maxRelativeError }, guarded);
      if (onnxByteLength(model) > before.bytes) model.metadataProps = metadataProps;
    }
    await writeOnnxFile(model, output, hasExternalData ? { externalData: {} } : {});
    return onnxByteLength(model);
  } finally {
    opened.close();
  }
}

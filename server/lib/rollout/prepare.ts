import type { ModelSettings } from '../config';
import { PreparationError, type Prepare, type ServedModel } from '../models';
import { readInputs, runRecorded } from './recorded-request';
import { runTests } from './test-vectors';

/** What versions of a model go through before they are served: the warm-up, and their test vectors. */
export const preparation =
  ({ warmUp }: Pick<ModelSettings, 'warmUp'>, versionFolder: string | undefined): Prepare =>
  async (model) => {
    await warm(model, warmUp);
    if (versionFolder !== undefined) await runTests(model, versionFolder);
    // What was run has left nothing behind in a model that remembers.
    if (model.session.hasVariables) await model.session.resetVariables();
  };

async function warm(model: ServedModel, warmUp: ModelSettings['warmUp']): Promise<void> {
  if (warmUp === false) return;
  try {
    if (warmUp === undefined) {
      if (hasFixedShapes(model)) await model.session.warmUp().catch(() => undefined);
      return;
    }
    const { runs = 1, requests = [] } = warmUp === true ? {} : warmUp;
    if (requests.length === 0) await model.session.warmUp(runs);
    for (const { inputs, signature_name: name } of requests) {
      const signature = model.signature(name);
      const feeds = readInputs(signature, Buffer.from(JSON.stringify(inputs)));
      for (let run = 0; run < runs; run++) await runRecorded(model, signature, feeds);
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new PreparationError('warm-up', `the warm-up failed: ${message}`, { cause: error });
  }
}

/** Zeros of a size that nobody asked for may be what a model cannot do. */
const hasFixedShapes = ({ session }: ServedModel): boolean =>
  session.inputMetadata.every(
    (input) => input.isTensor && input.shape.every((dim) => typeof dim === 'number'),
  );

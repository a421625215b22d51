import { SubgraphEditor } from '../../../formats/tflite';
import { defined } from '../../defined';
import type { Guarded } from '../../guard/guard';
import { provenance } from '../../guard/provenance';
import { momentsOf, type Measure } from '../../quantize/matched-model';
import { copyLayers, matchedTflite } from '../../quantize/tflite/bias-correction';
import { excludedOperators } from '../../quantize/tflite/excluded';
import { writeTfliteWith } from '../../quantize/tflite/metadata';
import { openTflite, rewriteTflite } from '../../quantize/tflite/rewrite';
import type { Workspace } from '../../quantize/workspace';
import {
  METADATA,
  type Prepared,
  type PrunableFormat,
  type PrunableGraph,
  type Unmatched,
} from '../prunable';
import type { PruneOptions } from '../prune-options';
import { TfliteWalk } from './tflite-walk';
import { tfliteWeights } from './tflite-weights';
import { unfuseActivations } from './unfused';

const graphOf = (editor: SubgraphEditor): PrunableGraph => ({
  weights: () => tfliteWeights(editor.model),
  walk: () => Promise.resolve(new TfliteWalk(editor)),
});

/** TensorFlow Lite models. */
export class PruneTflite implements PrunableFormat {
  readonly #options: PruneOptions;
  readonly #workspace: Workspace;

  constructor(options: PruneOptions, workspace: Workspace) {
    this.#options = options;
    this.#workspace = workspace;
  }

  /** Gives tensors names of their own. */
  async prepare(input: string): Promise<Prepared> {
    const { exclude = [] } = this.#options;
    const { file, result } = await rewriteTflite(input, this.#workspace, 'float', ({ model }) =>
      excludedOperators(model, exclude),
    );
    return { file, exclude: result };
  }

  async inspect<Result>(file: string, use: (graph: PrunableGraph) => Result): Promise<Result> {
    return use(graphOf(await openTflite(file)));
  }

  async rewrite<Result>(
    file: string,
    name: string,
    edit: (graph: PrunableGraph) => Promise<Result>,
  ): Promise<{ file: string; result: Result }> {
    return rewriteTflite(file, this.#workspace, name, (editor) => edit(graphOf(editor)));
  }

  /** Moments are those before a layer's own activation: behind it no factor would set them right. */
  async match({ reference, changed, kept, deviations }: Unmatched): Promise<string | undefined> {
    const { data, session, signal } = this.#options;
    const unfused = async (file: string): Promise<string> =>
      (await rewriteTflite(file, this.#workspace, 'unfused', unfuseActivations)).file;
    const models = { reference: await unfused(reference), changed: await unfused(changed), kept };
    const run = defined({ session, signal });
    const measure: Measure = (model, axes) => momentsOf(model, axes, data(), run);
    const matched = await matchedTflite({ ...models, deviations, measure });
    await this.#workspace.discard(models.reference);
    await this.#workspace.discard(models.changed);
    if (matched === undefined) return undefined;
    const { file } = await rewriteTflite(changed, this.#workspace, 'matched', (editor) => {
      copyLayers(editor, new SubgraphEditor(matched));
    });
    return file;
  }

  write(
    file: string,
    output: string,
    facts: Readonly<Record<string, unknown>>,
    measured: Guarded,
  ): Promise<void> {
    return writeTfliteWith(file, output, METADATA, provenance(facts, measured));
  }
}

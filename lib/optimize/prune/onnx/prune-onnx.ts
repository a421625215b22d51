import type { TensorLike } from '../../../engine/run/feeds';
import type { SessionOptions } from '../../../engine/session/session-options';
import { openOnnxFile, writeOnnxFile, type GraphEditor } from '../../../formats/onnx';
import { defined } from '../../defined';
import { firstFeeds } from '../../guard/speedup';
import type { Guarded } from '../../guard/guard';
import { setProvenance } from '../../guard/provenance';
import { excludedNodes } from '../../quantize/excluded';
import { momentsOf, writeMatched, type Measure } from '../../quantize/matched-model';
import { inspectModel, type Workspace } from '../../quantize/workspace';
import { optimizeModel } from '../../simplify/optimize-model';
import { reason } from '../../simplify/reason';
import { inferTypes } from '../../simplify/value-types';
import {
  METADATA,
  type Prepared,
  type PrunableFormat,
  type PrunableGraph,
  type Unmatched,
} from '../prunable';
import type { PruneOptions } from '../prune-options';
import { OnnxWalk } from './onnx-walk';
import { onnxWeights } from './onnx-weights';

/** ONNX models. */
export class PruneOnnx implements PrunableFormat {
  readonly #options: PruneOptions;
  readonly #workspace: Workspace;

  constructor(options: PruneOptions, workspace: Workspace) {
    this.#options = options;
    this.#workspace = workspace;
  }

  /** Makes the model simpler: a normalisation is pruned with the layer it is folded into. */
  async prepare(input: string): Promise<Prepared> {
    const { data, session, signal, exclude = [] } = this.#options;
    const file = this.#workspace.path('float');
    const feeds = await firstFeeds(data(), signal);
    await optimizeModel(input, file, {
      samples: [feeds as Readonly<Record<string, TensorLike>>],
      ...defined({ session, signal }),
    });
    return { file, exclude: excludedNodes([input, file], exclude) };
  }

  inspect<Result>(file: string, use: (graph: PrunableGraph) => Result): Promise<Result> {
    return Promise.resolve(
      inspectModel(file, (editor, folder) => use(this.#graph(editor, folder))),
    );
  }

  rewrite<Result>(
    file: string,
    name: string,
    edit: (graph: PrunableGraph) => Promise<Result>,
  ): Promise<{ file: string; result: Result }> {
    return this.#workspace.rewrite(file, name, (editor, folder) =>
      edit(this.#graph(editor, folder)),
    );
  }

  match({ reference, changed, kept, deviations }: Unmatched): Promise<string | undefined> {
    const { data, session, signal } = this.#options;
    const run = defined({ session, signal });
    const measure: Measure = (file, axes) => momentsOf(file, axes, data(), run);
    return writeMatched({ reference, changed, kept }, this.#workspace, measure, { deviations });
  }

  async write(
    file: string,
    output: string,
    facts: Readonly<Record<string, unknown>>,
    measured: Guarded,
  ): Promise<void> {
    const opened = openOnnxFile(file);
    try {
      setProvenance(opened.model, METADATA, facts, measured);
      await writeOnnxFile(opened.model, output);
    } finally {
      opened.close();
    }
  }

  #graph(editor: GraphEditor, folder: string): PrunableGraph {
    return {
      weights: () => onnxWeights(editor, folder),
      walk: () => walkOnnx(editor, { folder, ...defined({ session: this.#options.session }) }),
    };
  }
}

/** What the channels of a graph are coupled to. */
export async function walkOnnx(
  editor: GraphEditor,
  { session = {}, folder }: { readonly session?: SessionOptions; folder?: string } = {},
): Promise<OnnxWalk> {
  const { types, failed } = await inferTypes(editor.commit(), session);
  const [fault] = failed.map(reason);
  return new OnnxWalk(editor, types(editor.graph), defined({ folder, fault }));
}

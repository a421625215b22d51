import { OnliteError } from '../../errors';
import { cloneModel, GraphEditor, subgraphs, type ModelProto } from '../../formats/onnx';
import type { FoldOptions, Pass, PassContext } from './context';
import { foldConstants } from './fold-constants';
import { PASSES } from './passes';
import { reason } from './reason';
import { inferTypes, type GraphTypes } from './value-types';

const FOLDING = 'constant folding';

/** The oldest operators whose forms the passes know. */
const LEAST_OPSET = 11;
/** Shapes become known one after the other; a model that takes more rounds than this stays as it is then. */
const MAX_ROUNDS = 50;

export interface Simplified {
  readonly model: ModelProto;
  /** How often each pass was applied. */
  readonly applied: Readonly<Record<string, number>>;
  /** What could not be done, and why. */
  readonly leftOut: readonly string[];
}

/** In versions before 4 each initializer is an input too, and no more than that. */
function withoutDefaults(model: ModelProto): void {
  if (!model.graph || (model.irVersion ?? 0) >= 4) return;
  const constants = new Set(model.graph.initializer.map(({ name }) => name));
  model.graph.input = model.graph.input.filter(({ name }) => !constants.has(name));
  model.irVersion = 4;
}

/** Applies passes until none of them finds anything more, and counts. */
class Simplification {
  readonly model: ModelProto;
  readonly applied = new Map<string, number>();
  readonly leftOut = new Set<string>();
  readonly #options: FoldOptions;
  readonly #passes: ReadonlyMap<string, Pass>;

  constructor(model: ModelProto, options: FoldOptions, passes: ReadonlyMap<string, Pass>) {
    this.model = cloneModel(model);
    this.#options = options;
    this.#passes = passes;
    withoutDefaults(this.model);
  }

  /** @returns whether anything was changed, so that more may be known of the graph now */
  async round(): Promise<boolean> {
    const { types, failed } = await inferTypes(this.model, this.#options.session);
    for (const error of failed) {
      this.leftOut.add(`types and shapes are not inferred: ${reason(error)}`);
    }
    return (await this.#graph(new GraphEditor(this.model), types)) > 0;
  }

  /** Simplifies a graph, then the branches and bodies that its nodes hold. */
  async #graph(editor: GraphEditor, typesOf: GraphTypes): Promise<number> {
    const context: PassContext = { types: typesOf(editor.graph) };
    let count = 0;
    for (let before = -1; before !== count;) {
      before = count;
      for (const [name, pass] of this.#passes) count += this.#count(name, pass(editor, context));
    }
    count += await this.#fold(editor, context);
    editor.removeUnused();
    editor.commit();
    for (const graph of editor.nodes.flatMap(subgraphs)) {
      count += await this.#graph(new GraphEditor(this.model, { graph, outer: editor }), typesOf);
    }
    return count;
  }

  async #fold(editor: GraphEditor, context: PassContext): Promise<number> {
    editor.removeUnused();
    try {
      return this.#count(FOLDING, await foldConstants(editor, context, this.#options));
    } catch (error) {
      this.leftOut.add(`${FOLDING}: ${reason(error)}`);
      return 0;
    }
  }

  #count(name: string, count: number): number {
    if (count > 0) this.applied.set(name, (this.applied.get(name) ?? 0) + count);
    return count;
  }
}

/**
 * A model that computes the same with fewer nodes, by the passes here; the one that is given stays
 * as it is.
 *
 * @throws OnliteError ERR_MODEL_INVALID for a graph that cannot be, and ERR_UNSUPPORTED for
 *   operators from before version 11.
 */
export async function simplify(
  model: ModelProto,
  options: FoldOptions,
  passes: ReadonlyMap<string, Pass> = PASSES,
): Promise<Simplified> {
  const opset = new GraphEditor(model).opset();
  if (opset !== 0 && opset < LEAST_OPSET) {
    const message = `operators of version ${opset}; those of version ${LEAST_OPSET} and later are known`;
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  const simplification = new Simplification(model, options, passes);
  for (let round = 0; round < MAX_ROUNDS && (await simplification.round()); round++);
  const { applied, leftOut } = simplification;
  return {
    model: simplification.model,
    applied: Object.fromEntries(applied),
    leftOut: [...leftOut],
  };
}

import { readFile } from 'node:fs/promises';

import type { SessionOptions } from '../../engine/session/session-options';
import { invalidArgument, OnliteError } from '../../errors';
import { unreadable } from '../../files';
import { readOnnxModel } from '../../formats/onnx';
import { isTfliteModel } from '../../formats/tflite';
import { isSimpler, measureModel, type ModelSize } from './measure';
import {
  copyModelFile,
  hasExternalData,
  inlineModel,
  modelBytes,
  writeModelFile,
} from './model-file';
import { runtimeOptimized, type OptimizeLevel } from './runtime-level';
import { folderOf, type Surroundings } from './runtime-model';
import type { Feeds } from './samples';
import { simplify, type Simplified } from './simplify';
import { Reference, type Verification } from './verification';

export interface OptimizeOptions {
  /**
   * `'portable'`, the default: ONNX's own operators, and those of other domains that the model has.
   * `'runtime'`: also ONNX Runtime's, which nothing else runs.
   */
  readonly level?: OptimizeLevel;
  /** What the result is compared with the original on, by input name; random tensors by default. */
  readonly samples?: readonly Feeds[];
  /** What a session of the model needs, such as libraries of custom operators. */
  readonly session?: SessionOptions;
}

/** What was made of a model. */
export interface OptimizedModel {
  readonly level: OptimizeLevel;
  readonly before: ModelSize;
  readonly after: ModelSize;
  /** How often each pass was applied. */
  readonly passes: Readonly<Record<string, number>>;
  /** What could not be done, and why. */
  readonly leftOut: readonly string[];
  readonly verification: Verification;
  /** One of the samples that it was compared on. */
  readonly sample: Feeds;
  /** The model, where it was not written to a file. */
  readonly bytes?: Uint8Array;
}

interface Candidate extends Simplified {
  readonly size: ModelSize;
}

const RUNTIME_PASS = "ONNX Runtime's optimisations";
/** Bytes by which folding one node may make a model larger; what is won elsewhere may pay for it. */
const GROWTHS = [1024, 0];

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function add(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** Looks for the simplest model that gives what the original gives. */
class Optimization {
  readonly leftOut = new Set<string>();
  readonly #surroundings: Surroundings;
  readonly #reference: Reference;

  constructor(surroundings: Surroundings, reference: Reference) {
    this.#surroundings = surroundings;
    this.#reference = reference;
  }

  /** One after the other until nothing makes the model simpler: doing it again changes nothing. */
  async simplest(start: Candidate, level: OptimizeLevel): Promise<Candidate> {
    let best = start;
    for (;;) {
      const found = await this.#simpler(best, level);
      if (!found) return best;
      best = found;
    }
  }

  async #simpler(best: Candidate, level: OptimizeLevel): Promise<Candidate | undefined> {
    const candidates: Candidate[] = [];
    const add = (candidate: Candidate | undefined): void => {
      if (candidate && isSimpler(candidate.size, best.size)) candidates.push(candidate);
    };
    for (const growth of GROWTHS) {
      const own = await this.#passes(best, growth);
      const runtime = await this.#runtime(best, level, growth);
      for (const first of [own, runtime]) add(first);
      add(own && (await this.#runtime(own, level, growth)));
      add(runtime && (await this.#passes(runtime, growth)));
    }
    candidates.sort((one, other) => (isSimpler(one.size, other.size) ? -1 : 1));
    for (const candidate of candidates) {
      const verified = await this.#reference.verify(candidate.model).then(
        () => true,
        (error: unknown) => {
          this.leftOut.add(`a model of ${candidate.size.nodes} nodes: ${reason(error)}`);
          return false;
        },
      );
      if (verified) return candidate;
    }
    return undefined;
  }

  async #passes(from: Candidate, growth: number): Promise<Candidate | undefined> {
    try {
      const { model, applied, leftOut } = await simplify(from.model, {
        ...this.#surroundings,
        growth,
      });
      for (const what of leftOut) this.leftOut.add(what);
      const size = measureModel(model, modelBytes(model));
      return { model, size, applied: add(from.applied, applied), leftOut };
    } catch (error) {
      this.leftOut.add(reason(error));
      return undefined;
    }
  }

  async #runtime(
    from: Candidate,
    level: OptimizeLevel,
    growth: number,
  ): Promise<Candidate | undefined> {
    // Its constant folding does not look at how large results are.
    const extra =
      growth > 0
        ? {}
        : { extra: { 'optimization.disable_specified_optimizers': 'ConstantFolding' } };
    try {
      const model = await runtimeOptimized(from.model, this.#surroundings, level, extra);
      const size = measureModel(model, modelBytes(model));
      return { ...from, model, size, applied: add(from.applied, { [RUNTIME_PASS]: 1 }) };
    } catch (error) {
      this.leftOut.add(`${RUNTIME_PASS}: ${reason(error)}`);
      return undefined;
    }
  }
}

async function readModel(input: string | Uint8Array): Promise<Uint8Array> {
  if (typeof input !== 'string') {
    if (input instanceof Uint8Array) return input;
    throw invalidArgument('input', 'a path or the bytes of a model', input);
  }
  return readFile(input).catch((cause: unknown) => {
    throw unreadable(`cannot read '${input}'`, cause);
  });
}

/**
 * Makes a model simpler that computes the same: with fewer nodes, in no more bytes, with the same
 * inputs and outputs, dynamic dimensions and version of operators. A model that is optimised again
 * stays as it is, to the byte. The result is run beside the original before it is written.
 *
 * @param input - an ONNX model, by its path or its bytes
 * @param output - the file that is written, which may be the input's; nothing is written where
 *   anything fails. External data of the input stays outside, in a file beside the output's.
 * @throws OnliteError ERR_UNSUPPORTED for a model in TensorFlow Lite's format and where the model
 *   takes none of the random samples; ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE or
 *   ERR_MODEL_INVALID; ERR_INVALID_ARGUMENT.
 */
export async function optimizeModel(
  input: string | Uint8Array,
  output?: string,
  options: OptimizeOptions = {},
): Promise<OptimizedModel> {
  const { level = 'portable', samples, session = {} } = options;
  if (!['portable', 'runtime'].includes(level)) {
    throw invalidArgument('options.level', "'portable' or 'runtime'", level);
  }
  const bytes = await readModel(input);
  if (isTfliteModel(bytes)) {
    const message =
      'input: TensorFlow Lite models are simplified by their converter; ONNX is expected';
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  const original = readOnnxModel(bytes);
  const surroundings = { folder: folderOf(typeof input === 'string' ? input : undefined), session };
  const reference = await Reference.of(original, surroundings, samples);
  const before = measureModel(original, modelBytes(original, bytes));
  const start: Candidate = { model: original, size: before, applied: {}, leftOut: [] };
  const optimization = new Optimization(surroundings, reference);
  const portable = await optimization.simplest(start, 'portable');
  const best = level === 'portable' ? portable : await optimization.simplest(portable, level);
  const verification = await reference.verify(best.model);
  const isChanged = best !== start;
  const { folder } = surroundings;
  const isExternal = hasExternalData(original);
  if (output !== undefined && !isChanged && !isExternal) await copyModelFile(bytes, output);
  else if (output !== undefined) await writeModelFile(best.model, folder, output, isExternal);
  return {
    level,
    before,
    after: best.size,
    passes: best.applied,
    leftOut: [...optimization.leftOut],
    verification,
    sample: reference.sample,
    ...(output === undefined
      ? { bytes: isChanged || isExternal ? inlineModel(best.model, folder) : bytes }
      : {}),
  };
}

import { checkArray, checkOptions, optionalChoice, optionalString } from '../../checks';
import { checkLimits } from '../../engine/run/run-options';
import type { TensorValueMetadata } from '../../engine/session/metadata';
import { InferenceSession } from '../../engine/session/session';
import { OnliteError, invalidArgument } from '../../errors';
import { requireTemperature } from '../measures/divergence';
import { Contender } from './contender';
import { OutputSums, type OutputComparison, type OutputValues } from './output-comparison';
import { QualityRecorder, type Label, type Quality, type Task } from './quality';
import { checkedSamples, type Samples } from './sample';

/** How {@link compareModels} compares. */
export interface CompareOptions {
  /** The first model's output that labels are for. Default its first tensor of numbers. */
  readonly output?: string;
  /** Default by labels and output: whole numbers for rows of several scores are classes. */
  readonly task?: Task;
  /** Takes the first model for the others' teacher; see {@link OutputComparison.divergence}. */
  readonly temperature?: number;
  readonly signal?: AbortSignal;
  /** Called when a sample has been through all models, with the number of them. */
  readonly onSample?: (done: number) => void;
}

/** One model compared with the first one. */
export interface CandidateComparison {
  /** In the order of the reference's outputs. */
  readonly outputs: readonly OutputComparison[];
  /** Outputs that only one of the two has, and those that are no tensors of numbers. */
  readonly notCompared: readonly string[];
}

/** What {@link compareModels} found. */
export interface ModelComparison {
  readonly samples: number;
  /** Each model but the first one. */
  readonly candidates: readonly CandidateComparison[];
  /** Each model, the first one too, on the samples that have labels; absent if none has. */
  readonly quality?: readonly Quality[];
}

const MAX_SESSIONS = 1000;
const optionKeys = new Set(['output', 'task', 'temperature', 'signal', 'onSample']);
const tasks: ReadonlyMap<string, Task> = new Map([
  ['classification', 'classification'],
  ['regression', 'regression'],
]);

function checkCompareOptions(options: CompareOptions): void {
  const checked = checkOptions(options, 'options', optionKeys);
  if (checked['temperature'] !== undefined) requireTemperature(checked['temperature']);
  optionalString(checked, 'output', 'options');
  checkLimits(checked, 'options');
  optionalChoice(checked, 'task', 'options', tasks);
}

/** A model's contender with what is gathered of its runs. */
class ModelRecord {
  readonly contender: Contender;
  readonly #sums: ReadonlyMap<string, OutputSums>;
  readonly #options: CompareOptions;
  #quality: QualityRecorder | undefined;

  constructor(contender: Contender, options: CompareOptions) {
    this.contender = contender;
    this.#options = options;
    this.#sums = new Map(
      contender.compared.map((pair) => [
        pair.reference.name,
        new OutputSums(pair, contender.layouts, options.temperature),
      ]),
    );
  }

  /** @param expected - what the first model gave */
  compare(
    expected: ReadonlyMap<string, OutputValues>,
    actual: ReadonlyMap<string, OutputValues>,
  ): void {
    for (const [name, sums] of this.#sums) {
      const [reference, candidate] = [expected.get(name), actual.get(name)];
      if (reference && candidate) sums.add(reference, candidate);
    }
  }

  /** @throws OnliteError ERR_INVALID_ARGUMENT where the model has no such output. */
  judge(actual: ReadonlyMap<string, OutputValues>, labels: readonly Label[], judged: string): void {
    const output = requireOutput(this.contender, judged);
    const values = actual.get(judged);
    this.#quality ??= new QualityRecorder(this.#options.task, output);
    if (values) this.#quality.add(values, labels);
  }

  get quality(): Quality | undefined {
    return this.#quality?.result;
  }

  get comparison(): CandidateComparison {
    const outputs = [...this.#sums.values()].map(({ result }) => result);
    const { pairs, referenceOnly, candidateOnly } = this.contender.outputs;
    const all = [...pairs.map(({ reference }) => reference), ...referenceOnly, ...candidateOnly];
    const notCompared = all.map(({ name }) => name).filter((name) => !this.#sums.has(name));
    return { outputs, notCompared };
  }
}

/** A model's output that stands for one of the reference's. */
function requireOutput({ compared }: Contender, name: string): TensorValueMetadata {
  const found = compared.find(({ reference }) => reference.name === name);
  if (found) return found.candidate;
  const names = compared.map(({ reference }) => reference.name).join(', ');
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `output '${name}': expected one that all models have, such as ${names}`,
  );
}

function requireSessions(sessions: readonly InferenceSession[]): InferenceSession {
  const wrong = checkArray(sessions, 'sessions', MAX_SESSIONS).findIndex(
    (session) => !(session instanceof InferenceSession),
  );
  if (wrong >= 0) throw invalidArgument(`sessions[${wrong}]`, 'a session', sessions[wrong]);
  const [reference] = sessions;
  if (reference === undefined || sessions.length < 2) {
    throw invalidArgument('sessions', 'at least two sessions', sessions);
  }
  return reference;
}

/**
 * Runs models on the same samples and says how far each is from the first one, output by output,
 * and how good each is where the samples have labels.
 *
 * The models may be of either format and of any precision. Inputs and outputs are matched by name,
 * the others by their order where the shapes agree; channels first and channels last are brought
 * into the reference's layout. A sample is for the first model; for the others its tensors are
 * converted to their types, and integers that have quantisation parameters stand for real values on
 * both ends.
 *
 * @param sessions - the reference, then its candidates; they stay the caller's
 * @throws OnliteError ERR_SHAPE_MISMATCH where inputs or outputs do not match (the message lists
 *   both sides), ERR_UNSUPPORTED where no output has numbers, ERR_INVALID_ARGUMENT for no samples,
 *   and what a run throws.
 */
export async function compareModels(
  sessions: readonly InferenceSession[],
  samples: Samples,
  options: CompareOptions = {},
): Promise<ModelComparison> {
  checkCompareOptions(options);
  const reference = requireSessions(sessions);
  const contender = (session: InferenceSession): Contender => new Contender(session, reference);
  const others = sessions.slice(1).map(contender);
  return compareContenders(contender(reference), others, samples, options);
}

/** As {@link compareModels}, whose options have been checked. */
export async function compareContenders(
  reference: Contender,
  candidates: readonly Contender[],
  samples: Samples,
  options: CompareOptions,
): Promise<ModelComparison> {
  const { signal, onSample } = options;
  const record = (contender: Contender): ModelRecord => new ModelRecord(contender, options);
  const first = record(reference);
  const others = candidates.map(record);
  const records = [first, ...others];
  const judged = options.output ?? first.contender.compared[0]?.reference.name ?? '';
  for (const { contender } of records) {
    if (contender.compared.length === 0) {
      throw new OnliteError('ERR_UNSUPPORTED', 'outputs: the models have no tensor of numbers');
    }
    if (options.output !== undefined) requireOutput(contender, options.output);
  }
  let done = 0;
  for await (const { feeds, labels } of checkedSamples(samples, signal)) {
    const expected = await first.contender.run(feeds, signal);
    if (labels) first.judge(expected, labels, judged);
    for (const other of others) {
      const actual = await other.contender.run(feeds, signal);
      other.compare(expected, actual);
      if (labels) other.judge(actual, labels, judged);
    }
    done++;
    onSample?.(done);
  }
  const quality = records.flatMap((each) => each.quality ?? []);
  return {
    samples: done,
    candidates: others.map(({ comparison }) => comparison),
    ...(quality.length === records.length ? { quality } : {}),
  };
}

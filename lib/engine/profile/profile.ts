import { throwIfAborted } from '../../abort';
import { abortable } from '../run/abort';
import { checkOptions, optionalInteger } from '../../checks';
import { OnliteError } from '../../errors';
import { encodeFeeds } from '../run/feeds';
import { promiseJob } from '../addon/jobs';
import { RunLeases } from '../run/leases';
import { LoadLimits, releaseSession } from '../session/load';
import { checkExternalData, parseCreateArguments, type ModelSource } from '../session/model-source';
import type { Engine, NativeProfile, NativeSession } from '../addon/native';
import { profileOnnx } from './onnx';
import { openApart, type ModelAgain, type SessionOrigin } from './session-apart';
import { describeOperator, modelOperatorName } from './tflite';
import type { MeasuredOperator, ModelProfile } from './types';
import { checkRunOptions, type CheckedRunOptions, type RunOptions } from '../run/run-options';
import type { SessionOptions } from '../session/session-options';
import type { SignaturePlan } from '../run/signature-plan';

/** How a profile is made. Any other key is an error. */
export interface ProfileOptions {
  /** Runs that count, after one that does not. Default 10. */
  runs?: number;
  /** The signature to run (TensorFlow Lite). */
  signature?: string;
  /** Aborting rejects the promise with ERR_CANCELLED, once the run under way has ended. */
  signal?: AbortSignal;
  /**
   * ONNX: the session's model once more, for a session that was created from more than 8 MiB
   * of memory, which is not kept. Left out, a file is read again.
   */
  model?: ModelSource;
  /** ONNX: its external data, where that came from memory. */
  externalData?: SessionOptions['externalData'];
}

/** What of a session is profiled. */
export interface ProfiledSession {
  readonly engine: Engine;
  /** In use. */
  readonly executionProviders: readonly string[];
  readonly origin: SessionOrigin;
  readonly native: NativeSession;
  /** @throws OnliteError ERR_SESSION_RELEASED, or for a signature that there is not. */
  readonly plan: (signature: unknown) => SignaturePlan;
}

const keys: ReadonlySet<string> = new Set<keyof ProfileOptions>([
  'runs',
  'signature',
  'signal',
  'model',
  'externalData',
]);
const defaultRuns = 10;
const maxRuns = 1_000_000;

/** See {@link InferenceSession.profile}. */
export async function profileSession(
  session: ProfiledSession,
  feeds: unknown,
  value: unknown,
): Promise<ModelProfile> {
  const { runs: askedRuns, model, externalData, ...rest } = checkOptions(value, 'options', keys);
  const runs = optionalInteger({ runs: askedRuns }, 'runs', 'options', 1, maxRuns) ?? defaultRuns;
  const options = checkRunOptions(rest satisfies RunOptions);
  const plan = session.plan(options.signature);
  const again = {
    model: model === undefined ? undefined : parseCreateArguments([model]).source,
    externalData: checkExternalData(externalData),
  };
  throwIfAborted(options.signal);
  return session.engine === 'onnxruntime'
    ? profileOnnxApart(session, again, plan, feeds, runs, options)
    : profileTfliteSession(session, plan, feeds, runs, options);
}

/** On a session of its own: profiling a run disturbs the others of its pool of threads. */
async function profileOnnxApart(
  session: ProfiledSession,
  again: ModelAgain,
  plan: SignaturePlan,
  feeds: unknown,
  runs: number,
  options: CheckedRunOptions,
): Promise<ModelProfile> {
  checkFeeds(plan, feeds);
  const { signal } = options;
  const native = await openApart(
    session.origin,
    again,
    new LoadLimits({ signal, timeoutMs: undefined }),
  );
  try {
    requireSameModel(session.native, native);
    return await profileOnnxSession({ ...session, native }, plan, feeds, runs, options);
  } finally {
    await releaseSession(native);
  }
}

/** Before a model is loaded in vain. */
function checkFeeds(plan: SignaturePlan, feeds: unknown): void {
  const leases = new RunLeases();
  try {
    encodeFeeds(plan, feeds, leases);
  } finally {
    leases.release();
  }
}

function requireSameModel(session: NativeSession, apart: NativeSession): void {
  const [model, again] = [session, apart].map((native) => JSON.stringify(native.info().signatures));
  if (model === again) return;
  throw new OnliteError(
    'ERR_MODEL_INVALID',
    'profile: the model is another than when the session was created',
  );
}

async function profileOnnxSession(
  session: ProfiledSession,
  plan: SignaturePlan,
  feeds: unknown,
  runs: number,
  options: CheckedRunOptions,
): Promise<ModelProfile> {
  const traces = await profileOnnx(runs, (profilePrefix) =>
    runToItsEnd(session.plan(options.signature), feeds, options, (id, inputs) => {
      session.native.run(id, inputs, plan.encodedEverything, {
        signature: plan.index,
        warmUp: true,
        ...(profilePrefix === undefined ? {} : { profilePrefix }),
      });
    }).then(() => undefined),
  );
  const notes = [
    'ONNX Runtime counts whole microseconds, rounded down, and profiling itself adds some to ' +
      'every operator.',
  ];
  if (traces.threads > 1) {
    notes.push(`Operators ran on ${traces.threads} threads at once: their times overlap.`);
  }
  return summarise(session, runs, traces.totalNs, traces.operators, notes);
}

async function profileTfliteSession(
  session: ProfiledSession,
  plan: SignaturePlan,
  feeds: unknown,
  runs: number,
  options: CheckedRunOptions,
): Promise<ModelProfile> {
  const result = await runToItsEnd<NativeProfile>(plan, feeds, options, (id, inputs) => {
    session.native.profile(id, inputs, plan.encodedEverything, { signature: plan.index }, runs);
  });
  const notes: string[] = [];
  if (result.operators.some(({ partition }) => partition >= 0)) {
    notes.push(
      'XNNPACK counts whole microseconds, rounded down; what a partition took beyond its ' +
        'operators is in the entry of type TfLiteXNNPackDelegate.',
      'XNNPACK does not say which of its operators does the work of which of the model: ' +
        'delegated has the latter.',
    );
  }
  const operators = result.operators.map(describeOperator);
  const profile = summarise(session, runs, result.totalNs, operators, notes);
  return { ...profile, delegated: result.delegated.map(modelOperatorName) };
}

/**
 * A native job on the feeds. Settles no earlier than the job has ended natively,
 * also when it is aborted, so that what it uses may be cleaned up.
 */
async function runToItsEnd<Result>(
  plan: SignaturePlan,
  feeds: unknown,
  options: CheckedRunOptions,
  start: (id: number, inputs: ReturnType<typeof encodeFeeds>) => void,
): Promise<Result> {
  const leases = new RunLeases();
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const held = {
    release: (): void => {
      leases.release();
      end();
    },
  };
  let inputs: ReturnType<typeof encodeFeeds>;
  try {
    inputs = encodeFeeds(plan, feeds, leases);
    throwIfAborted(options.signal);
  } catch (error) {
    leases.release();
    throw error;
  }
  const job = promiseJob<Result>((id) => {
    start(id, inputs);
  }, held);
  try {
    return await abortable(job, options);
  } finally {
    await ended;
  }
}

function summarise(
  session: ProfiledSession,
  runs: number,
  totalNs: number,
  measured: readonly MeasuredOperator[],
  notes: string[],
): ModelProfile {
  const sum = measured.reduce((total, { nanoseconds }) => total + nanoseconds, 0);
  if (sum === 0 && measured.length > 0) {
    notes.push('Every operator was faster than the clock can tell: the shares are 0.');
  }
  const operators = measured
    .map((operator) => ({ ...operator, share: sum === 0 ? 0 : operator.nanoseconds / sum }))
    .sort((a, b) => b.nanoseconds - a.nanoseconds);
  const { executionProviders, origin } = session;
  const requested = origin.options.executionProviders.map(({ name }) => name);
  const wanted = requested.length === 0 ? executionProviders : requested;
  const accelerators = wanted.filter((provider) => provider !== 'cpu');
  const missing = accelerators.filter((provider) => !executionProviders.includes(provider));
  if (missing.length > 0) notes.push(`Asked for and not there: ${missing.join(', ')}.`);
  const notAccelerated = operators
    .filter(({ provider }) => accelerators.length > 0 && !accelerators.includes(provider))
    .map(({ name, type, provider, share }) => ({ name, type, provider, share }));
  return { engine: session.engine, runs, totalNs, operators, notAccelerated, notes };
}

// A process that measures one setting once and ends: memory, CPU time and the load time are its
// own, and a runtime that crashes takes nothing else with it.
import { availableParallelism } from 'node:os';

import { now } from '../../bench/clock';
import { OnliteError } from '../../errors';
import { useInstalledProviders } from '../../engine/runtime/installed-providers';
import { runtimeInfo } from '../../engine/runtime/runtime-info';
import type { ValueMetadata } from '../../engine/session/metadata';
import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { UsageError } from '../command';
import { buildFeeds } from '../feeds';
import { ErrorCounter, measureBlock, warmUpRunner, withEventLoopDelay } from './measure';
import { profileOperators } from './profile';
import {
  PHASES,
  type Block,
  type MeasureRequest,
  type PhaseName,
  type ProcessResult,
  type WorkerMessage,
} from './protocol';
import { peakResident, resident } from './resident';
import { makeRunner } from './runner';
import type { Setting } from './setting';
import { batchShapes } from './shapes';

const send = (message: WorkerMessage): void => {
  process.send?.(message);
};

function sessionOptions({ provider, threads, concurrency }: Setting): SessionOptions {
  return {
    // What fails is reported by the parent, once.
    logSeverityLevel: 4,
    // More at once than there are processors only makes each run slower.
    concurrency: Math.min(concurrency, availableParallelism()),
    ...(provider === undefined ? {} : { executionProviders: [provider] }),
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
}

/** A model with variables has one interpreter: then runs wait for each other. */
async function createSession(setting: Setting): Promise<InferenceSession> {
  const options = sessionOptions(setting);
  await useInstalledProviders(setting.provider === undefined ? [] : [setting.provider]);
  try {
    return await InferenceSession.create(setting.model, options);
  } catch (error) {
    const alone = error instanceof OnliteError && error.code === 'ERR_UNSUPPORTED';
    if (!alone || options.concurrency === 1) throw error;
    return InferenceSession.create(setting.model, { ...options, concurrency: 1 });
  }
}

function inputsOf(session: InferenceSession, signature?: string): readonly ValueMetadata[] {
  if (signature === undefined) return session.inputMetadata;
  const found = Object.hasOwn(session.signatures, signature)
    ? session.signatures[signature]
    : undefined;
  if (found) return found.inputs;
  const known = Object.keys(session.signatures).join(', ') || 'none';
  throw new OnliteError('ERR_INVALID_ARGUMENT', `--signature ${signature}: the model has ${known}`);
}

function encodedPhases(session: InferenceSession): ProcessResult['phases'] {
  const phases: Partial<Record<PhaseName, string>> = {};
  for (const phase of PHASES) {
    const histogram = session.latency[phase];
    if (histogram.count > 0) phases[phase] = histogram.encode();
  }
  return phases;
}

async function measure(request: MeasureRequest): Promise<ProcessResult> {
  const { setting, signature, blocks: limits, warmUpMs, seed } = request;
  send({ kind: 'progress', stage: 'loading', done: 0 });
  const before = resident();
  const start = now();
  const session = await createSession(setting);
  const loadNs = now() - start;
  const loaded = resident();

  const inputs = inputsOf(session, signature);
  const shapes = batchShapes(inputs, request.shapes, setting.batch);
  const feeds = await buildFeeds(inputs, { inputs: request.inputs, shapes });
  const { api, concurrency, rate } = setting;
  const runner = makeRunner(session, feeds, { api, inFlight: concurrency, signature });

  const firstStart = now();
  await runner.start();
  const firstRunNs = now() - firstStart;
  send({ kind: 'progress', stage: 'warming up', done: 0 });
  const warmUpRuns = await warmUpRunner(runner, warmUpMs);

  const errors = new ErrorCounter();
  const measureAll = async (): Promise<Block[]> => {
    const blocks: Block[] = [];
    let done = 0;
    for (const [index, limit] of limits.entries()) {
      const onRuns = (runs: number): void =>
        send({ kind: 'progress', stage: 'measuring', done: done + runs });
      const options = { rate, seed: seed * limits.length + index, errors, onRuns };
      const block = await measureBlock(runner, limit, options);
      blocks.push(block);
      done += block.runs;
      onRuns(0);
    }
    return blocks;
  };
  session.latency.reset();
  const measured = runner.runSync
    ? { result: await measureAll(), delay: undefined }
    : await withEventLoopDelay(measureAll);
  const phases = encodedPhases(session);
  const peak = peakResident();

  let profile: ProcessResult['profile'];
  if (request.profileRuns > 0) {
    send({ kind: 'progress', stage: 'profiling', done: 0 });
    profile = await profileOperators(session, feeds, { runs: request.profileRuns, signature });
  }
  const { version } = runtimeInfo().runtimes[session.engine];
  return {
    engine: session.engine,
    ...(version === undefined ? {} : { engineVersion: version }),
    executionProviders: session.executionProviders,
    sessionConcurrency: session.concurrency,
    inputs: Object.entries(feeds).map(([name, { type, dims }]) => ({ name, type, dims })),
    loadNs,
    firstRunNs,
    warmUpRuns,
    blocks: measured.result,
    phases,
    memory: { before, loaded, peak },
    ...(measured.delay ? { eventLoopDelay: measured.delay } : {}),
    errors: errors.counts,
    ...(profile ? { profile } : {}),
  };
}

function describe(error: unknown): WorkerMessage {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return { kind: 'error', code: 'ERR_USAGE', message };
  const code = (error as { code?: unknown } | null)?.code;
  return { kind: 'error', code: typeof code === 'string' ? code : 'ERR_INTERNAL', message };
}

process.once('message', (request: MeasureRequest) => {
  // A parent that is gone wants no result.
  process.once('disconnect', () => process.exit(1));
  void measure(request)
    .then((result): WorkerMessage => ({ kind: 'result', result }), describe)
    .then((message) => {
      process.send?.(message, () => {
        process.removeAllListeners('disconnect');
        process.disconnect();
        // The session is not released: nothing is left to do, and the process ends faster so.
        process.exit(0);
      });
    });
});

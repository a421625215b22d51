import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

import * as onlite from 'onlite';
import { closedLoop, interleave } from 'onlite/bench';

import { modelPath } from '../models/models.mjs';
import { tensorsOf } from '../models/streaming.mjs';
import { fromInterleaved } from './context.mjs';
import { onnxruntimeNode } from './peer-packages.mjs';

/** A function that starts a run of the same feeds with either package. */
async function prepare({ InferenceSession, Tensor }, { model, feeds, options }) {
  const session = await InferenceSession.create(modelPath(model), {
    intraOpNumThreads: 1,
    ...options,
  });
  const tensors = tensorsOf(feeds, Tensor);
  return { run: () => session.run(tensors), release: () => session.release() };
}

/** As many processes that do nothing but take a core each. */
function occupy(cores) {
  const children = Array.from({ length: cores }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  return () => children.forEach((child) => child.kill());
}

/** What a slice took of the clock and of the processor, per run. */
async function slice(lanes, ms) {
  const before = process.cpuUsage();
  const { runs, perRun } = await closedLoop(lanes, { ms });
  const { user, system } = process.cpuUsage(before);
  return { runs, perRun, cpuPerRun: ((user + system) * 1000) / runs };
}

/**
 * onlite's `await session.run(feeds)` as a ratio to onnxruntime-node's, in one process.
 *
 * @param inFlight - runs at a time
 * @param busy - half of the machine's cores have other work
 * @param options - of onlite's session
 * @param of - 'perRun', nanoseconds of the clock, or 'cpuPerRun', of the processor
 */
export async function sideBySide(
  context,
  { name, of, inFlight = 1, busy = false, options, ...subject },
) {
  const { warmUpMs, sliceMs } = context.pace;
  const peer = await prepare(onnxruntimeNode(), subject);
  const ours = await prepare(onlite, { ...subject, options });
  const lanesOf = ({ run }) => Array.from({ length: inFlight }, () => run);
  const release = busy ? occupy(Math.max(1, Math.floor(availableParallelism() / 2))) : () => {};
  try {
    for (const side of [ours, peer]) await closedLoop(lanesOf(side), { ms: warmUpMs });
    const result = await interleave({
      subject: () => slice(lanesOf(ours), sliceMs),
      baseline: () => slice(lanesOf(peer), sliceMs),
      value: (measured) => measured[of],
      ...context.repetitions(name),
    });
    return fromInterleaved(result, { sides: ['onlite', 'peer'], inFlight, busy });
  } finally {
    release();
    await ours.release();
    await peer.release();
  }
}

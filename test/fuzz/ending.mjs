// Ways to end a run early, at every moment there is.

const moments = [
  (abort) => abort(),
  (abort) => queueMicrotask(abort),
  (abort) => process.nextTick(abort),
  (abort) => setImmediate(abort),
  (abort) => setImmediate(() => setImmediate(abort)),
  (abort) => setTimeout(abort, 0),
  (abort) => setTimeout(abort, 1),
  (abort) => setTimeout(abort, 3),
];

/** Nothing, or options of a run that may end it, and with which codes. */
export function makeEnding(random) {
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return cancelledLater(random);
    case 3: {
      const timeoutMs = random.pick([0, 1, 2, 60_000]);
      return { options: { timeoutMs }, codes: timeoutMs < 100 ? ['ERR_TIMEOUT'] : [] };
    }
    case 4: {
      const signal = AbortSignal.timeout(random.below(4));
      return { options: { signal }, codes: ['ERR_TIMEOUT'] };
    }
    case 5: {
      const signal = AbortSignal.abort(new Error('on purpose'));
      return { options: { signal }, codes: ['ERR_CANCELLED'], must: 'ERR_CANCELLED' };
    }
    case 6:
      // Never fires.
      return { options: { signal: new AbortController().signal, timeoutMs: 60_000 }, codes: [] };
    default:
      return { options: { terminate: true }, codes: ['ERR_CANCELLED'], must: 'ERR_CANCELLED' };
  }
}

function cancelledLater(random) {
  const controller = new AbortController();
  const start = () => random.pick(moments)(() => controller.abort());
  return { options: { signal: controller.signal }, codes: ['ERR_CANCELLED'], start };
}

import type { InferenceSession } from '../../engine/session/session';
import type { Tensor } from '../../engine/tensor/tensor';
import type { Api } from './setting';

/** Ways to start the runs of one setting. */
export interface Runner {
  /** One for each run in flight; each is called again when its last run has ended. */
  readonly lanes: readonly (() => Promise<unknown>)[];
  /** Starts a run however many are in flight: for an open loop. */
  readonly start: () => Promise<unknown>;
  /** Only for `sync`. */
  readonly runSync?: () => unknown;
}

type Feeds = Readonly<Record<string, Tensor>>;

interface RunnerOptions {
  readonly api: Api;
  readonly inFlight: number;
  readonly signature: string | undefined;
}

/** A binding with pooled tensors of its own; strings, which have no memory to bind, are given. */
function boundRun(
  session: InferenceSession,
  feeds: Feeds,
  signature: string | undefined,
): () => Promise<void> {
  const own = Object.entries(feeds).filter(([, { type }]) => type !== 'string');
  const given = Object.entries(feeds).filter(([, { type }]) => type === 'string');
  const binding = session.bind({
    inputs: Object.fromEntries(given),
    dims: Object.fromEntries(own.map(([name, { dims }]) => [name, dims])),
    ...(signature === undefined ? {} : { signature }),
  });
  for (const [name, tensor] of own) {
    const target = binding.inputs[name]?.data as { set(data: unknown): void } | undefined;
    target?.set(tensor.data);
  }
  return () => binding.run();
}

/** Starts runs on bindings that are free, and makes one more when none is. */
function anyBinding(make: () => () => Promise<void>): () => Promise<void> {
  const free: (() => Promise<void>)[] = [];
  return async () => {
    const run = free.pop() ?? make();
    try {
      await run();
    } finally {
      free.push(run);
    }
  };
}

export function makeRunner(
  session: InferenceSession,
  feeds: Feeds,
  { api, inFlight, signature }: RunnerOptions,
): Runner {
  if (api === 'bind') {
    const make = (): (() => Promise<void>) => boundRun(session, feeds, signature);
    return { lanes: Array.from({ length: inFlight }, make), start: anyBinding(make) };
  }
  const options = signature === undefined ? undefined : { signature };
  const start = (): Promise<unknown> => session.run(feeds, options);
  const lanes = Array.from({ length: inFlight }, () => start);
  if (api === 'run') return { lanes, start };
  return { lanes, start, runSync: () => session.runSync(feeds, options) };
}

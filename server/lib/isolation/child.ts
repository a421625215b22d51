import { InferenceSession, OnliteError, TensorPool, type Tensor } from 'onlite';

import type { ChildMessage, ChildOrder, SentError } from './messages';
import { received, sent } from './tensors';

const pool = new TensorPool();
const runs = new Map<number, AbortController>();
let session: InferenceSession | undefined;
let takeKey: ((key: Uint8Array | string | undefined) => void) | undefined;

const tell = (message: ChildMessage): void => void process.send?.(message);

const errorOf = (error: unknown): SentError => {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  const { cause } = error;
  const more = cause instanceof Error && !error.message.includes(cause.message);
  return {
    code: error instanceof OnliteError ? error.code : undefined,
    message: more ? `${error.message}: ${cause.message}` : error.message,
  };
};

const askForKey = (keyId: string | undefined): Promise<Uint8Array | string> =>
  new Promise((resolve, reject) => {
    takeKey = (key) => (key === undefined ? reject(new Error('there is no key')) : resolve(key));
    tell({ kind: 'key', keyId });
  });

async function load({ model, asksForKey }: Extract<ChildOrder, { kind: 'load' }>): Promise<void> {
  try {
    const options = { ...model.options, ...(asksForKey && { decrypt: askForKey }) };
    session = await InferenceSession.create(model.model as string, options);
    const { engine, concurrency, hasVariables, inputMetadata, outputMetadata, signatures } =
      session;
    const facts = { engine, concurrency, hasVariables, inputMetadata, outputMetadata, signatures };
    tell({ kind: 'loaded', facts: structuredClone(facts) });
  } catch (error) {
    tell({ kind: 'broken', error: errorOf(error) });
  }
}

async function run(
  { id, feeds, signature, timeoutMs }: Extract<ChildOrder, { kind: 'run' }>,
  loaded: InferenceSession,
): Promise<void> {
  const controller = new AbortController();
  runs.set(id, controller);
  const inputs: Record<string, Tensor> = {};
  try {
    for (const feed of feeds) inputs[feed.name] = received(feed, pool);
    const started = process.hrtime.bigint();
    const results = await loaded.run(inputs, {
      signal: controller.signal,
      ...(signature !== undefined && { signature }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    const ns = Number(process.hrtime.bigint() - started);
    const outputs = Object.entries(results).map(([name, value]) => sent(name, value));
    tell({ kind: 'done', id, outputs, ns });
  } finally {
    runs.delete(id);
    for (const tensor of Object.values(inputs)) tensor.dispose();
  }
}

async function follow(order: ChildOrder): Promise<void> {
  switch (order.kind) {
    case 'load':
      await load(order);
      return;
    case 'key':
      takeKey?.(order.key);
      return;
    case 'cancel':
      runs.get(order.id)?.abort();
      return;
    default:
  }
  if (session === undefined) throw new Error('nothing is loaded');
  if (order.kind === 'run') await run(order, session);
  else {
    if (order.kind === 'warmUp') await session.warmUp(order.runs);
    else await session.resetVariables();
    tell({ kind: 'done', id: order.id, outputs: [], ns: 0 });
  }
}

// The terminal tells the whole group of an interruption; this process ends with the one that it works for.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (order: ChildOrder) => {
  follow(order).catch((error: unknown) => {
    if ('id' in order) tell({ kind: 'failed', id: order.id, error: errorOf(error) });
  });
});

import { parentPort, workerData } from 'node:worker_threads';

import { ModelError, type ModelErrorKind } from '../models';
import type { ManagedModel } from '../rollout';
import { RemoteWatches } from '../watch/remote-watches';
import type { Labelled, WatchOverview } from '../watch/local-watches';
import type { AuditEntry } from '../logs/audit';
import { LOG_LEVELS, type LogLevel, type ServerLog } from '../logs/server-log';
import { ModelServer } from '../server';
import type {
  Answered,
  Order,
  OrderMessage,
  Question,
  ThreadData,
  ThreadMessage,
} from './messages';

const { thread, threads, counts, bodies, logLevels, isAudited, options } = workerData as ThreadData;
const tell = (message: ThreadMessage): void => parentPort?.postMessage(message);

/** What the first thread was asked. */
const asked = new Map<number, { done: (result: unknown) => void; fail: (error: Error) => void }>();
let nextId = 0;
const ask = (question: Question, buffers: readonly ArrayBuffer[] = []): Promise<unknown> =>
  new Promise((done, fail) => {
    const id = nextId++;
    asked.set(id, { done, fail });
    parentPort?.postMessage({ kind: 'ask', id, question } satisfies ThreadMessage, buffers);
  });
const change = async (kind: 'load' | 'unload', name: string): Promise<void> => {
  await ask({ kind, name });
};

/** Sends to the first thread what it has to write. */
const log =
  logLevels &&
  ({
    ...(Object.fromEntries(
      LOG_LEVELS.map((level) => [
        level,
        (fields: object, message: string) => tell({ kind: 'log', level, fields, message }),
      ]),
    ) as Pick<ServerLog, LogLevel>),
    isLevelEnabled: (level) => logLevels.includes(level as LogLevel),
  } satisfies ServerLog);

const server = ModelServer.ofThread(
  {
    ...options,
    ...(log && { log }),
    ...(isAudited && { audit: (entry: AuditEntry) => tell({ kind: 'audit', entry }) }),
    onError: (error) =>
      tell({ kind: 'failed', error: error instanceof Error ? error : String(error) }),
  },
  {
    thread,
    threads,
    counts,
    bodies,
    control: { load: (name) => change('load', name), unload: (name) => change('unload', name) },
    watches: new RemoteWatches(async (name, version, told, buffers) => {
      await ask({ kind: 'record', name, version, told }, buffers);
    }, threads),
    managed: async () => (await ask({ kind: 'managed' })) as ManagedModel[],
    watched: async () => (await ask({ kind: 'watched' })) as WatchOverview,
    label: async (name, labels) => (await ask({ kind: 'label', name, labels })) as Labelled,
  },
);

async function follow(order: Order): Promise<void> {
  const { models } = server;
  switch (order.kind) {
    case 'change':
      models.attach({ ...order.status, model: undefined }, order.shared);
      return;
    case 'drop':
      await models.unload(order.name, order.version);
      return;
    case 'route':
      await models.setTraffic(order.name, order.traffic);
      return;
    case 'count':
      models.setCounts(order.name, order.memory);
      return;
    case 'tls':
      await server.setTls(order.tls);
      return;
    case 'keys':
      await server.setApiKeys(order.keys);
      return;
    case 'listen':
      await server.listenShared(order.protocol, order.port, order.host);
      return;
    case 'drain':
      models.isDraining = true;
      return;
    case 'close':
      await server.close({ graceMs: order.graceMs });
  }
}

function answered({ answered: id, result, error }: Answered): void {
  const waiting = asked.get(id);
  asked.delete(id);
  if (error === undefined) waiting?.done(result);
  else if (error.kind === undefined) waiting?.fail(new Error(error.message));
  else waiting?.fail(new ModelError(error.kind as ModelErrorKind, error.message));
}

parentPort?.on('message', (message: OrderMessage | Answered) => {
  if ('answered' in message) {
    answered(message);
    return;
  }
  const { id, order } = message;
  follow(order).then(
    () => tell({ kind: 'done', id }),
    (error: unknown) =>
      tell({ kind: 'done', id, error: error instanceof Error ? error.message : String(error) }),
  );
});

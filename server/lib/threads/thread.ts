import { parentPort, workerData } from 'node:worker_threads';

import { ModelError, type ModelErrorKind } from '../models';
import type { AuditEntry } from '../logs/audit';
import { LOG_LEVELS, type LogLevel, type ServerLog } from '../logs/server-log';
import { ModelServer } from '../server';
import type { ControlDone, Order, OrderMessage, ThreadData, ThreadMessage } from './messages';

const { thread, threads, counts, bodies, logLevels, isAudited, options } = workerData as ThreadData;
const tell = (message: ThreadMessage): void => parentPort?.postMessage(message);

/** What clients have asked for and the first thread does. */
const asked = new Map<number, { done: () => void; fail: (error: Error) => void }>();
let nextId = 0;
const ask = (change: 'load' | 'unload', name: string): Promise<void> =>
  new Promise((done, fail) => {
    const id = nextId++;
    asked.set(id, { done, fail });
    tell({ kind: 'control', id, change, name });
  });

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
    control: { load: (name) => ask('load', name), unload: (name) => ask('unload', name) },
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

function controlled({ controlled: id, error }: ControlDone): void {
  const waiting = asked.get(id);
  asked.delete(id);
  if (error === undefined) waiting?.done();
  else if (error.kind === undefined) waiting?.fail(new Error(error.message));
  else waiting?.fail(new ModelError(error.kind as ModelErrorKind, error.message));
}

parentPort?.on('message', (message: OrderMessage | ControlDone) => {
  if ('controlled' in message) {
    controlled(message);
    return;
  }
  const { id, order } = message;
  follow(order).then(
    () => tell({ kind: 'done', id }),
    (error: unknown) =>
      tell({ kind: 'done', id, error: error instanceof Error ? error.message : String(error) }),
  );
});

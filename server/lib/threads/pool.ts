import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import type { ApiKey } from '../access';
import { UNWRITTEN, type Audit, type AuditEntry } from '../logs/audit';
import { LOG_LEVELS, type ServerLog } from '../logs/server-log';
import type { TlsOptions } from '../tls';
import {
  ModelError,
  type ModelRepository,
  type RepositoryMirror,
  type Traffic,
  type VersionStatus,
} from '../models';
import type { ManagedModel } from '../rollout';
import type { LocalWatches } from '../watch/local-watches';
import type { ModelControl } from '../wire/route';
import type {
  Answered,
  Order,
  OrderMessage,
  Question,
  SharedStatus,
  ThreadData,
  ThreadMessage,
  ThreadOptions,
} from './messages';

/** How long a thread that ended is left alone before another takes its place; longer each time. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 30_000;

export interface PoolSettings {
  readonly threads: number;
  readonly options: ThreadOptions;
  readonly bodies: SharedArrayBuffer;
  readonly models: ModelRepository;
  readonly control: ModelControl | undefined;
  readonly watches: LocalWatches;
  readonly managed: () => readonly ManagedModel[];
  readonly counts: SharedArrayBuffer;
  readonly log: ServerLog | undefined;
  readonly audit: Audit | undefined;
  readonly onError: (error: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  readonly waiting: Map<number, { done: () => void; fail: (error: Error) => void }>;
}

/**
 * The threads of a server beside its first one. Each has its own event loop and its own socket at the
 * server's address, over which the kernel spreads connections; the models are the first thread's, which
 * they attach to. One that ends is replaced, and what it was doing is lost with it; the others go on.
 */
export class ThreadPool implements RepositoryMirror {
  readonly #settings: PoolSettings;
  readonly #members = new Map<number, Member>();
  #nextId = 0;
  /** Those that have taken the place of the options'. */
  #keys: readonly ApiKey[] | undefined;
  #tls: TlsOptions | undefined;
  readonly #addresses: Extract<Order, { kind: 'listen' }>[] = [];
  #restarts = 0;
  #isClosing = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    for (let thread = 1; thread < settings.threads; thread++) this.#start(thread);
  }

  /** Listens in all of them. @throws Error if one cannot */
  async listen(protocol: 'http' | 'grpc', port: number, host: string): Promise<void> {
    const order = { kind: 'listen', protocol, port, host } as const;
    this.#addresses.push(order);
    await this.#order(order);
  }

  async changed(status: VersionStatus): Promise<void> {
    await this.#order(changeOf(status));
  }

  async dropped(name: string, version: string): Promise<void> {
    await this.#order({ kind: 'drop', name, version });
  }

  async routed(name: string, traffic: Traffic): Promise<void> {
    await this.#order({ kind: 'route', name, traffic });
  }

  counted(name: string, memory: SharedArrayBuffer): void {
    this.#order({ kind: 'count', name, memory }).catch(this.#settings.onError);
  }

  /** In all of them, and in those that take their places. */
  async setApiKeys(keys: readonly ApiKey[]): Promise<void> {
    this.#keys = keys;
    await this.#order({ kind: 'keys', keys });
  }

  /** As {@link ThreadPool.setApiKeys}. */
  async setTls(tls: TlsOptions): Promise<void> {
    this.#tls = tls;
    await this.#order({ kind: 'tls', tls });
  }

  /** Says of all that they are not ready. */
  async drain(): Promise<void> {
    await this.#order({ kind: 'drain' });
  }

  /** Answers what is under way, and ends them. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    await this.#order({ kind: 'close', graceMs });
    await Promise.all([...this.#members.values()].map(({ worker }) => worker.terminate()));
  }

  async #order(order: Order): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => this.#send(member, order)));
  }

  #send({ worker, waiting }: Member, order: Order): Promise<void> {
    const id = this.#nextId++;
    return new Promise((done, fail) => {
      waiting.set(id, { done, fail });
      // Who waits for it is not left alone by a process that ends meanwhile.
      worker.ref();
      worker.postMessage({ id, order } satisfies OrderMessage);
    });
  }

  #start(thread: number): void {
    const { threads, options, bodies, onError, models, counts, log, audit } = this.#settings;
    const logLevels = log && LOG_LEVELS.filter((level) => log.isLevelEnabled(level));
    const isAudited = audit !== undefined;
    const workerData: ThreadData = {
      ...{ thread, threads, counts, bodies },
      ...{ logLevels, isAudited, options },
    };
    const worker = new Worker(join(__dirname, THREAD_FILE), {
      workerData,
      name: `onlite-server ${thread}`,
    });
    const member: Member = { worker, waiting: new Map() };
    this.#members.set(thread, member);
    worker.on('message', (message: ThreadMessage) => this.#heard(member, message));
    worker.on('error', onError);
    worker.on('exit', () => this.#ended(thread, member));
    worker.unref();
    // What it has missed; a new server has nothing yet.
    const orders: Order[] = [];
    for (const [name, { memory }] of models.allCounts())
      orders.push({ kind: 'count', name, memory });
    // Before the versions, so that none is the default meanwhile that should not be.
    for (const [name, traffic] of models.allTraffic())
      orders.push({ kind: 'route', name, traffic });
    const served = models.all().filter(({ state }) => state !== 'UNLOADING');
    orders.push(...served.map(changeOf));
    if (this.#tls !== undefined) orders.push({ kind: 'tls', tls: this.#tls });
    if (this.#keys !== undefined) orders.push({ kind: 'keys', keys: this.#keys });
    if (models.isDraining) orders.push({ kind: 'drain' });
    orders.push(...this.#addresses);
    for (const order of orders) this.#send(member, order).catch(onError);
  }

  #heard(member: Member, message: ThreadMessage): void {
    switch (message.kind) {
      case 'done': {
        const waiting = member.waiting.get(message.id);
        member.waiting.delete(message.id);
        if (member.waiting.size === 0) member.worker.unref();
        if (message.error === undefined) waiting?.done();
        else waiting?.fail(new Error(message.error));
        return;
      }
      case 'ask':
        void this.#answer(message.id, message.question).then((answer) =>
          member.worker.postMessage(answer),
        );
        return;
      case 'failed':
        this.#settings.onError(message.error);
        return;
      case 'log':
        this.#settings.log?.[message.level](message.fields, message.message);
        return;
      case 'audit':
        this.#audit(message.entry);
    }
  }

  #audit(entry: AuditEntry): void {
    try {
      this.#settings.audit?.(entry);
    } catch (failure) {
      this.#settings.log?.error({ err: failure, audit: entry }, UNWRITTEN);
    }
  }

  async #answer(answered: number, question: Question): Promise<Answered> {
    try {
      return { answered, result: await this.#do(question) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {
        answered,
        error: { message, ...(error instanceof ModelError && { kind: error.kind }) },
      };
    }
  }

  #do(question: Question): unknown {
    const { control, watches, managed } = this.#settings;
    switch (question.kind) {
      case 'load':
      case 'unload':
        return control?.[question.kind](question.name);
      case 'record': {
        const { name, version, told } = question;
        watches.record(name, version, told);
        return undefined;
      }
      case 'label':
        return watches.label(question.name, question.labels);
      case 'watched':
        return watches.overview() ?? { states: [], points: [], marks: [] };
      case 'managed':
        return managed();
    }
  }

  #ended(thread: number, member: Member): void {
    if (this.#members.get(thread) === member) this.#members.delete(thread);
    // Nobody waits for a thread that is no more: what it was to do has no meaning without it.
    for (const { done } of member.waiting.values()) done();
    member.waiting.clear();
    if (this.#isClosing) return;
    const after = Math.min(FIRST_RESTART_MS * 2 ** this.#restarts++, LAST_RESTART_MS);
    setTimeout(() => {
      if (!this.#isClosing) this.#start(thread);
    }, after).unref();
  }
}

/** Beside this package's other entries, wherever this is bundled to. */
const THREAD_FILE = __dirname.endsWith('chunks') ? '../thread.js' : 'thread.js';

function changeOf({ name, version, state, reason, model }: VersionStatus): Order {
  const status: SharedStatus = { name, version, state, reason };
  return { kind: 'change', status, ...(model && { shared: model.share() }) };
}

import type { SessionLatency } from '../latency/latency';
import type { Engine, NativeSession } from '../addon/native';

/** What can be read of a session, after its release too. Keeps the native session. */
export interface SessionSource {
  readonly model: string;
  readonly engine: Engine;
  readonly native: NativeSession;
  readonly latency: SessionLatency;
}

/** Who keeps the totals of sessions that go away. */
export interface SessionListener {
  added(source: SessionSource): void;
  /** No run can come any more: the session was released, or it and all bindings collected. */
  ended(source: SessionSource): void;
}

/**
 * The sessions of this environment (the main thread, or a worker). Until someone listens they
 * are known weakly and ended ones leave no trace; from then on a forgotten session's native
 * half stays until the next collection, when its totals have been taken over.
 */
class LiveSessions {
  #known = new Set<WeakRef<Owned>>();
  #pruneAt = 64;
  #listener: SessionListener | undefined;
  readonly #sources = new Set<SessionSource>();
  readonly #collected = new FinalizationRegistry<SessionSource>((source) => {
    this.#end(source);
  });

  /** @param owner - lives as long as there may be runs */
  add(owner: Owned, native: NativeSession, latency: SessionLatency): void {
    const source = { model: owner.model, engine: owner.engine, native, latency };
    owned.set(owner, source);
    if (this.#listener !== undefined) {
      this.#follow(owner, source, this.#listener);
      return;
    }
    this.#known.add(new WeakRef(owner));
    if (this.#known.size < this.#pruneAt) return;
    for (const known of this.#known) if (known.deref() === undefined) this.#known.delete(known);
    this.#pruneAt = 2 * this.#known.size + 64;
  }

  /** The session was released. */
  remove(owner: Owned): void {
    const source = owned.get(owner);
    if (source === undefined) return;
    owned.delete(owner);
    this.#collected.unregister(owner);
    this.#end(source);
  }

  /** There is one listener; it hears of the sessions that there are, too. */
  listen(listener: SessionListener): void {
    this.#listener = listener;
    const known = this.#known;
    this.#known = new Set();
    for (const reference of known) {
      const owner = reference.deref();
      const source = owner === undefined ? undefined : owned.get(owner);
      if (owner !== undefined && source !== undefined) this.#follow(owner, source, listener);
    }
  }

  /** Those that have not ended, once there is a listener. */
  get sources(): ReadonlySet<SessionSource> {
    return this.#sources;
  }

  #follow(owner: object, source: SessionSource, listener: SessionListener): void {
    this.#sources.add(source);
    this.#collected.register(owner, source, owner);
    listener.added(source);
  }

  #end(source: SessionSource): void {
    if (this.#sources.delete(source)) this.#listener?.ended(source);
  }
}

type Owned = Pick<SessionSource, 'model' | 'engine'>;
const owned = new WeakMap<Owned, SessionSource>();

export const liveSessions = new LiveSessions();

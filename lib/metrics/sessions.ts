import { liveSessions, type SessionSource } from '../engine/session/live-sessions';
import type { Engine } from '../engine/addon/native';
import { RunTotals } from './run-totals';

/** The sessions of one name and engine. */
export interface SessionGroup {
  readonly model: string;
  readonly engine: Engine;
  /** Those that there are, one for each native session. */
  readonly sources: readonly SessionSource[];
  /** Of those that there are and those that are gone. */
  readonly totals: RunTotals;
}

/** What sessions that are gone, and resets, have taken with them. */
class Remainders {
  readonly #groups = new Map<string, { model: string; engine: Engine; totals: RunTotals }>();

  of({ model, engine }: Pick<SessionSource, 'model' | 'engine'>): RunTotals {
    const key = `${engine} ${model}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { model, engine, totals: new RunTotals() };
      this.#groups.set(key, group);
    }
    return group.totals;
  }

  /** Groups of totals of their own, for the sources to be added to. */
  copy(): Map<string, { model: string; engine: Engine; totals: RunTotals }> {
    return new Map(
      [...this.#groups].map(([key, { model, engine, totals }]) => {
        const copy = new RunTotals();
        copy.addAll(totals);
        return [key, { model, engine, totals: copy }];
      }),
    );
  }
}

const remainders = new Remainders();

/**
 * Shared sessions that this thread has released and others have not, by NativeSession.number:
 * they count on as a whole, which this thread's counters must not forget, nor count twice when
 * it has the session again.
 */
const elsewhere = new Map<number, SessionSource>();

/** What has ended everywhere counts no more. */
function settleEnded(): void {
  for (const [number, source] of elsewhere) {
    if (source.native.hasUsers()) continue;
    elsewhere.delete(number);
    remainders.of(source).addSession(source);
  }
}

/** One for each native session that this thread has. */
function liveSources(): Map<number, SessionSource> {
  const sources = new Map<number, SessionSource>();
  for (const source of liveSessions.sources) sources.set(source.native.number(), source);
  return sources;
}

liveSessions.listen({
  added: (source) => {
    // From its first moment, so that a group does not go away with its last session.
    remainders.of(source);
    elsewhere.delete(source.native.number());
    source.latency.beforeReset = (part) => {
      if (liveSessions.sources.has(source)) remainders.of(source).addPart(source, part);
    };
  },
  ended: (source) => {
    const number = source.native.number();
    if (liveSources().has(number)) return;
    if (source.native.hasUsers()) elsewhere.set(number, source);
    else remainders.of(source).addSession(source);
  },
});

/** The sessions by name and engine, with the totals of those that are gone. */
export function sessionGroups(): SessionGroup[] {
  settleEnded();
  const groups = remainders.copy();
  const sources = new Map<string, SessionSource[]>();
  for (const source of elsewhere.values()) {
    groups.get(`${source.engine} ${source.model}`)?.totals.addSession(source);
  }
  for (const source of liveSources().values()) {
    const key = `${source.engine} ${source.model}`;
    groups.get(key)?.totals.addSession(source);
    const list = sources.get(key);
    if (list === undefined) sources.set(key, [source]);
    else list.push(source);
  }
  return [...groups].map(([key, group]) => ({ ...group, sources: sources.get(key) ?? [] }));
}

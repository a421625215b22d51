import { liveSessions, type SessionSource } from '../engine/session/live-sessions';
import type { Engine } from '../engine/addon/native';
import { RunTotals } from './run-totals';

/** The sessions of one name and engine. */
export interface SessionGroup {
  readonly model: string;
  readonly engine: Engine;
  /** Those that there are. */
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

liveSessions.listen({
  added: (source) => {
    // From its first moment, so that a group does not go away with its last session.
    remainders.of(source);
    source.latency.beforeReset = (part) => {
      if (liveSessions.sources.has(source)) remainders.of(source).addPart(source, part);
    };
  },
  ended: (source) => {
    remainders.of(source).addSession(source);
  },
});

/** The sessions by name and engine, with the totals of those that are gone. */
export function sessionGroups(): SessionGroup[] {
  const groups = remainders.copy();
  const sources = new Map<string, SessionSource[]>();
  for (const source of liveSessions.sources) {
    const key = `${source.engine} ${source.model}`;
    groups.get(key)?.totals.addSession(source);
    const list = sources.get(key);
    if (list === undefined) sources.set(key, [source]);
    else list.push(source);
  }
  return [...groups].map(([key, group]) => ({ ...group, sources: sources.get(key) ?? [] }));
}

import type { VersionFolder } from '../models';

interface Seen {
  readonly state: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly isSteady: boolean;
}

/** Which versions have stood still between two looks, so that none is read that is being copied. */
export class Steadiness {
  readonly #pollMs: number;
  #seen = new Map<string, Seen>();

  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  /** What a look has found. One that is older than two looks are apart stands still, too. */
  remember(found: readonly VersionFolder[]): void {
    const now = Date.now();
    const seen = new Map<string, Seen>();
    for (const each of found) {
      const { state, changed } = each;
      const isOld = changed < now - Math.max(this.#pollMs, 1000);
      const before = this.#seen.get(keyOf(each));
      const isSame = before?.state === state;
      const since = isSame ? before.since : now;
      // Looks that follow each other at once are one look.
      const isSteady = isOld || (isSame && now - since >= this.#pollMs / 2);
      seen.set(keyOf(each), { state, since, isSteady });
    }
    this.#seen = seen;
  }

  isSteady(folder: VersionFolder): boolean {
    return this.#seen.get(keyOf(folder))?.isSteady === true;
  }
}

const keyOf = ({ name, version }: VersionFolder): string => `${name}/${version}`;

import { Members } from './members';
import { Overloaded } from './models';
import { RequestError } from './wire/errors';

/** Smaller bodies are not counted: the limit on connections is one on them, too. */
export const COUNTED_FROM = 16 << 10;

/** What is counted by, so that an Int32 is enough. */
const UNIT = 1024;

/** Room is taken in steps. */
const STEP = 256;

/** Of a body that says how long it is so much is taken at once, so that it need not wait in its middle. */
const TAKEN_AHEAD = 1 << 20;

/** What was taken ahead for a client that sends nothing is given back after so long, if others wait. */
const STALLED_MS = 500;

/** Requests of one thread that may wait for room, and for how long. */
const MOST_WAITING = 1024;
const LONGEST_MS = 30_000;

/** What those that wait have sent beyond their room, in each thread: HTTP/2 lets clients send some before they hear of it. */
const MOST_BEYOND = (64 << 20) / UNIT;

/** Between two looks for room that other threads have made. */
const LOOK_MS = 25;

/** While others wait, bodies are to come at this pace: who holds room and sends nothing keeps it from them for ever. */
const PACE_MS = 5000;
const PACE_BYTES = 40 << 10;

/** A thread's row: units, and whether it has more than there is room for. */
const COLUMNS = 2;

/** What all threads have taken, of which each writes a row of its own. */
export const sharedBudget = (threads: number): SharedArrayBuffer =>
  new SharedArrayBuffer(threads * COLUMNS * Int32Array.BYTES_PER_ELEMENT);

/** Who sends what a share holds. */
export interface Sender {
  /** Whether it is the one that is waited for. */
  readonly isAwaited: () => boolean;
  /** Ends the request. */
  readonly cut: (error: RequestError) => void;
}

interface Waiting {
  units: number;
  readonly since: number;
  /** When it is no longer of use to whoever asked. */
  readonly until: number;
  readonly go: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * A thread's view of the bytes that the requests of a server hold, from their bodies to the end of their answers.
 * What has come is counted, not what was announced. The oldest request that holds some always has room for more, so
 * that not all of them wait for each other.
 */
export class BodyBudget {
  readonly memory: SharedArrayBuffer;
  readonly #rows: Int32Array;
  readonly #row: number;
  readonly #units: number;
  readonly #isShared: () => boolean;
  /** In the order that they began to hold something. */
  readonly #holders = new Members<BodyShare>();
  readonly #waiting = new Map<BodyShare, Waiting>();
  readonly #ofModel = new Map<string, number>();
  #overdrawn: BodyShare | undefined;
  /** How long the last one waited that got what it waited for. */
  #lastWaitMs = 0;
  /** Units that those that wait want. */
  #beyond = 0;
  #pacedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param maxBytes - of all threads; one request may have more
   * @param isShared - whether there are several models, so that one of them is to leave half of it to others
   */
  constructor(maxBytes: number, isShared: () => boolean, memory = sharedBudget(1), thread = 0) {
    this.memory = memory;
    this.#rows = new Int32Array(memory);
    this.#row = thread * COLUMNS;
    // Of a thread that ended before.
    this.#rows.fill(0, this.#row, this.#row + COLUMNS);
    this.#units = Math.ceil(maxBytes / UNIT);
    this.#isShared = isShared;
  }

  /** Bytes that are held, in all threads. */
  get bytes(): number {
    return this.#sum(0) * UNIT;
  }

  /** Requests of this thread that wait for room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  #sum(column: number): number {
    let sum = 0;
    for (let at = column; at < this.#rows.length; at += COLUMNS)
      sum += Atomics.load(this.#rows, at);
    return sum;
  }

  /**
   * Nothing yet, for a request for a model.
   *
   * @param announced - bytes that it says it has
   * @param deadline - of its client, by `performance.now()`
   */
  share(model: string, announced = 0, deadline = Infinity): BodyShare {
    return new BodyShare(this, model, announced, deadline);
  }

  /** @internal */
  take(share: BodyShare, units: number): boolean {
    const { model } = share;
    // Those that have come before are first; who holds some already is one of them.
    if (!this.#holders.has(share) && this.#isQueued(share)) return false;
    const own = this.#ofModel.get(model) ?? 0;
    const most = this.#isShared() ? this.#units / 2 : this.#units;
    Atomics.add(this.#rows, this.#row, units);
    const fits = own + units <= most && this.#sum(0) <= this.#units;
    if (!fits && !this.#mayOverdraw(share)) {
      Atomics.sub(this.#rows, this.#row, units);
      return false;
    }
    this.#holders.add(share);
    this.#ofModel.set(model, own + units);
    return true;
  }

  /** Whether others wait for the same, before it. */
  #isQueued(share: BodyShare): boolean {
    for (const other of this.#waiting.keys()) {
      if (other === share) return false;
      if (other.model === share.model) return true;
    }
    return false;
  }

  #mayOverdraw(share: BodyShare): boolean {
    if (this.#overdrawn === share) return true;
    const { oldest } = this.#holders;
    if ((oldest !== undefined && oldest !== share) || this.#sum(1) > 0) return false;
    this.#overdrawn = share;
    Atomics.store(this.#rows, this.#row + 1, 1);
    return true;
  }

  /** @internal */
  giveBack(share: BodyShare, units: number): void {
    this.#forget(share)?.fail(this.full());
    if (!this.#holders.delete(share)) return;
    if (this.#overdrawn === share) {
      this.#overdrawn = undefined;
      Atomics.store(this.#rows, this.#row + 1, 0);
    }
    this.#free(share, units);
    this.#look();
  }

  #free({ model }: BodyShare, units: number): void {
    const left = (this.#ofModel.get(model) ?? 0) - units;
    if (left > 0) this.#ofModel.set(model, left);
    else this.#ofModel.delete(model);
    Atomics.sub(this.#rows, this.#row, units);
  }

  /** @internal */
  wait(share: BodyShare, units: number): Promise<void> {
    const since = performance.now();
    const until = Math.min(share.deadline, since + LONGEST_MS);
    // Whoever comes after others waits as long as they have, at least.
    const isTooLate = this.#waiting.size > 0 && since + this.#lastWaitMs > until;
    if (this.#waiting.size >= MOST_WAITING || isTooLate) return Promise.reject(this.full());
    return new Promise((go, fail) => {
      this.#waiting.set(share, { units, since, until, go, fail });
      this.#beyond += units;
      if (this.#timer !== undefined) return;
      this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
      this.#pace((holder) => holder.mark());
    });
  }

  /** @internal */
  wantsMore(share: BodyShare, units: number): void {
    const waiting = this.#waiting.get(share);
    if (waiting === undefined) return;
    this.#beyond += units - waiting.units;
    waiting.units = units;
    if (this.#beyond > Math.max(this.#units, MOST_BEYOND)) this.#forget(share)?.fail(this.full());
  }

  #forget(share: BodyShare): Waiting | undefined {
    const waiting = this.#waiting.get(share);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(share);
    this.#beyond -= waiting.units;
    return waiting;
  }

  /** @internal */
  full(): Overloaded {
    const what = `requests in flight hold as many bytes as they may, ${this.#units * UNIT}`;
    return new Overloaded(what, 1000);
  }

  #freeStalled(now: number): void {
    for (const share of this.#holders) {
      const units = share.stalled(now);
      if (units > 0) this.#free(share, units);
    }
  }

  #look(): void {
    const now = performance.now();
    if (this.#waiting.size > 0) this.#freeStalled(now);
    for (const [share, { units, since, until, go, fail }] of this.#waiting) {
      if (now > until) {
        this.#forget(share);
        fail(this.full());
      } else if (share.take(units)) {
        this.#forget(share);
        this.#lastWaitMs = now - since;
        go();
      }
    }
    if (this.#waiting.size > 0) {
      if (now - this.#pacedAt >= PACE_MS) this.#pace((holder) => holder.keepPace());
      return;
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #pace(each: (holder: BodyShare) => void): void {
    this.#pacedAt = performance.now();
    for (const holder of [...this.#holders]) {
      // What waits itself is not being sent.
      if (this.#waiting.has(holder)) holder.mark();
      else each(holder);
    }
  }
}

/** What one request holds. */
export class BodyShare {
  readonly model: string;
  readonly deadline: number;
  readonly #budget: BodyBudget;
  readonly #ahead: number;
  /** As long as it is being sent. */
  sender: Sender | undefined;
  #units = 0;
  #bytes = 0;
  #grownAt = 0;
  /** What it had when it was looked at last; undefined where it was not to be judged then. */
  #marked: number | undefined;
  #isReleased = false;

  constructor(budget: BodyBudget, model: string, announced: number, deadline: number) {
    this.#budget = budget;
    this.model = model;
    this.#ahead = Math.min(announced, TAKEN_AHEAD);
    this.deadline = deadline;
  }

  /** Units that are missing for so many bytes. */
  #missing(bytes: number): number {
    if (bytes < COUNTED_FROM || bytes <= this.#units * UNIT) return 0;
    return Math.ceil(Math.max(bytes, this.#ahead) / UNIT / STEP) * STEP - this.#units;
  }

  /** @internal */
  take(units: number): boolean {
    if (this.#isReleased || !this.#budget.take(this, units)) return false;
    this.#units += units;
    return true;
  }

  /**
   * Units that were taken ahead for a client that sends nothing: they are this share's no more.
   *
   * @internal
   */
  stalled(now: number): number {
    const needed = Math.ceil(this.#bytes / UNIT / STEP) * STEP;
    const more = this.#units - needed;
    if (more <= 0 || this.#bytes >= this.#ahead || now - this.#grownAt < STALLED_MS) return 0;
    this.#units = needed;
    return more;
  }

  /** @internal */
  mark(): void {
    const isJudged = this.sender?.isAwaited() === true;
    this.#marked = isJudged ? this.#bytes : undefined;
  }

  /** Ends the request if its client has sent less than it has to since the last mark. @internal */
  keepPace(): void {
    const marked = this.#marked;
    this.mark();
    if (marked === undefined || this.#marked === undefined) return;
    if (this.#marked - marked >= PACE_BYTES) return;
    const what = 'others wait for the room that the body holds, and too little of it comes';
    this.sender?.cut(new RequestError(408, what));
  }

  /** Has room for so many bytes in all, if there is any. */
  tryGrow(bytes: number): boolean {
    this.#bytes = bytes;
    this.#grownAt = performance.now();
    const units = this.#missing(bytes);
    return units === 0 || this.take(units);
  }

  /**
   * Room for so many bytes in all, once there is some. One such wait at a time.
   *
   * @throws Overloaded if there is none for too long, or it was released
   */
  async wait(bytes: number): Promise<void> {
    if (this.#isReleased) throw this.#budget.full();
    if (!this.tryGrow(bytes)) await this.#budget.wait(this, this.#missing(bytes));
  }

  /** So many bytes have come in all while it waits for room for fewer; the wait may be refused for that. */
  grewTo(bytes: number): void {
    this.#bytes = bytes;
    this.#budget.wantsMore(this, this.#missing(bytes));
  }

  /** Gives all of it back; what waits for more is refused. May be called twice. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#budget.giveBack(this, this.#units);
  }
}

import type { ModelSession } from './served-model';
import type { RequestStatistics } from './statistics';

/** Runs on threads between two looks at how long they took; more after each time that it closed. */
const FIRST_WINDOW = 64;
const LAST_WINDOW = 4096;

/** Of runs on threads, whose caches are cold and which a busy system makes wait. */
const OPENS_AT = 0.9;

/** What a slow run here counts for: it closes where one of 20 is slow. */
const SLOW_RUN = 19;
/** One during which the system gave the processor to others, which says little. */
const PREEMPTED_RUN = 4;
const CLOSES_ABOVE = 10 * SLOW_RUN;

/**
 * Whether a model's runs are so short that the JavaScript thread makes them itself: handing one to a thread
 * and hearing of its end costs more. Runs on threads say when to try, and what runs take here when to stop,
 * which takes more than some slow ones: the system may have given the processor to others meanwhile.
 */
export class InlineGate {
  readonly #session: Pick<ModelSession, 'latency'>;
  readonly #limitNs: number;
  #window = FIRST_WINDOW;
  /** Runs on threads since the last look, and what the histogram had then. */
  #asked = 0;
  #count = 0;
  #quick = 0;
  /** What slow runs here counted for and quick ones have not made up for. */
  #debt = 0;
  #isOpen = false;
  #switches = 0;
  readonly #statistics: RequestStatistics;

  /** @param maxMicroseconds - of a run inside the runtime; 0 for one that never opens */
  constructor(
    session: Pick<ModelSession, 'latency'>,
    maxMicroseconds: number,
    statistics: RequestStatistics,
  ) {
    this.#statistics = statistics;
    this.#session = session;
    this.#limitNs = maxMicroseconds * 1000;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A run was left to a thread. */
  ranElsewhere(): void {
    if (this.#limitNs === 0 || ++this.#asked < this.#window) return;
    this.#asked = 0;
    const { invoke } = this.#session.latency;
    const { count } = invoke;
    const quick = invoke.countAtOrBelow(this.#limitNs);
    const share = (quick - this.#quick) / (count - this.#count);
    this.#count = count;
    this.#quick = quick;
    if (share >= OPENS_AT) this.#change(true);
  }

  /** A run was made here. */
  ranHere(milliseconds: number): void {
    this.#statistics.ranInline();
    const ns = milliseconds * 1e6;
    if (ns <= this.#limitNs) {
      if (this.#debt > 0) this.#debt--;
      return;
    }
    this.#debt += this.#wasPreempted() ? PREEMPTED_RUN : SLOW_RUN;
    if (this.#debt <= CLOSES_ABOVE) return;
    this.#window = Math.min(this.#window * 4, LAST_WINDOW);
    this.#change(false);
    const { invoke } = this.#session.latency;
    this.#count = invoke.count;
    this.#quick = invoke.countAtOrBelow(this.#limitNs);
  }

  /** Whether the process has lost the processor since this was asked last; asked after slow runs only. */
  #wasPreempted(): boolean {
    const { involuntaryContextSwitches } = process.resourceUsage();
    const before = this.#switches;
    this.#switches = involuntaryContextSwitches;
    return involuntaryContextSwitches !== before;
  }

  #change(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#debt = 0;
    this.#asked = 0;
    this.#statistics.inlineChanged(isOpen);
  }
}

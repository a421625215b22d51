/** Long enough for what is written together to cost little, short enough for what a killed process loses. */
const PAUSE_MS = 100;

/** A pause between two writes, which ends sooner where somebody is in a hurry. */
export class Pause {
  #end: (() => void) | undefined;
  #hurry = 0;

  /** Settles after a tenth of a second, which keeps the process. */
  async wait(): Promise<void> {
    if (this.#hurry > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PAUSE_MS);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#end = undefined;
  }

  /** Ends the one that is under way. */
  end(): void {
    this.#end?.();
  }

  /** There are none until what is waited for has settled. */
  async hurry(work: () => Promise<void>): Promise<void> {
    this.#hurry++;
    this.end();
    try {
      await work();
    } finally {
      this.#hurry--;
    }
  }
}

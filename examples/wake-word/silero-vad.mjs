import { InferenceSession, Tensor } from 'onlite';
import { SlidingWindow } from './sliding-window.mjs';

const SAMPLE_RATE = 16000;
const FRAME = 512; // samples: 32 ms
const CONTEXT = 64; // samples of the frame before that the model wants to see again

/** Silero VAD 5: how likely each 32 ms of a 16 kHz stream are speech. */
export class SileroVad {
  #session;
  #frames = new SlidingWindow(CONTEXT + FRAME, FRAME);
  #state = new Tensor('float32', new Float32Array(2 * 128), [2, 1, 128]);
  #rate = new Tensor('int64', BigInt64Array.of(BigInt(SAMPLE_RATE)), []);
  #heard = 0;

  constructor(session) {
    this.#session = session;
  }

  static async create(path) {
    const options = { executionProviders: ['cpu'], intraOpNumThreads: 1 };
    return new SileroVad(await InferenceSession.create(path, options));
  }

  get sessions() {
    return [this.#session];
  }

  /** Takes any number of samples (-1 to 1); returns `{start, end, score}` of each full frame. */
  async push(samples) {
    const scores = [];
    for (const frame of this.#frames.push(samples)) {
      const input = new Tensor('float32', frame, [1, frame.length]);
      const feeds = { input, state: this.#state, sr: this.#rate };
      const { output, stateN } = await this.#session.run(feeds);
      this.#state = stateN;
      const start = this.#heard / SAMPLE_RATE;
      this.#heard += FRAME;
      scores.push({ start, end: this.#heard / SAMPLE_RATE, score: output.data[0] });
    }
    return scores;
  }
}

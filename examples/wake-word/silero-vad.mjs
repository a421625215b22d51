import { InferenceSession, Tensor } from 'onlite';
import { SlidingWindow } from './sliding-window.mjs';

const SAMPLE_RATE = 16000;
const FRAME = 512; // samples: 32 ms
const CONTEXT = 64; // samples of the frame before that the model wants to see again

/** Silero VAD 5: how likely each 32 ms of a 16 kHz stream are speech. */
export class SileroVad {
  #session;
  #io;
  #frames = new SlidingWindow(CONTEXT + FRAME, FRAME);
  #heard = 0;

  constructor(session) {
    this.#session = session;
    const sr = new Tensor('int64', BigInt64Array.of(BigInt(SAMPLE_RATE)), []);
    const dims = { input: [1, CONTEXT + FRAME], state: [2, 1, 128], stateN: [2, 1, 128] };
    // What the model remembers goes from frame to frame without a copy.
    this.#io = session.bind({ inputs: { sr }, dims, carry: { stateN: 'state' } });
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
      this.#io.inputs.input.data.set(frame);
      await this.#io.run();
      const start = this.#heard / SAMPLE_RATE;
      this.#heard += FRAME;
      const [score] = this.#io.outputs.output.data;
      scores.push({ start, end: this.#heard / SAMPLE_RATE, score });
    }
    return scores;
  }
}

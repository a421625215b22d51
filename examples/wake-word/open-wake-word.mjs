import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onlite';
import { SlidingWindow } from './sliding-window.mjs';

const SAMPLE_RATE = 16000;
const STEP = 1280; // samples: 80 ms, which give 8 rows of the spectrogram
const OVERLAP = 480; // samples of the step before, so that the spectrogram has no seam
const MELS = 32; // mel bands: one row of the spectrogram, 10 ms
const FEATURES = 96; // one embedding, made of 76 rows; the wake word is judged on 16 of them

/** openWakeWord: how likely a wake word has just been said, for each 80 ms of a 16 kHz stream. */
export class OpenWakeWord {
  #mel;
  #embedding;
  #wakeWord;
  #samples = new SlidingWindow(OVERLAP + STEP, STEP);
  #rows;
  #embeddings;
  #heard = 0;

  static async create(folder, word) {
    const load = (name, provider) =>
      InferenceSession.create(join(folder, `${name}.tflite`), {
        executionProviders: [provider],
        intraOpNumThreads: 1,
      });
    const detector = new OpenWakeWord();
    // TensorFlow Lite 2.17.1's XNNPACK computes it wrongly on processors that have AVX2 and
    // no AVX-512 (seen on an AMD Zen, in plain C too); the built-in kernels do not.
    detector.#mel = await load('melspectrogram', 'cpu');
    detector.#embedding = await load('embedding_model', 'xnnpack');
    detector.#wakeWord = await load(word, 'xnnpack');

    // Start as after a long silence: without a past, the first two seconds could not be judged.
    const rows = await detector.#spectrogram(new Float32Array(OVERLAP + STEP));
    detector.#rows = new SlidingWindow(76 * MELS, 8 * MELS, rows.subarray(0, MELS));
    const [silence] = detector.#rows.push(rows);
    const embedding = await apply(detector.#embedding, silence, [1, 76, MELS, 1]);
    detector.#embeddings = new SlidingWindow(16 * FEATURES, FEATURES, embedding);
    return detector;
  }

  get sessions() {
    return [this.#mel, this.#embedding, this.#wakeWord];
  }

  /** Takes any number of samples (-1 to 1); returns `{start, end, score}` of each full step. */
  async push(samples) {
    const scores = [];
    for (const step of this.#samples.push(samples)) {
      const start = this.#heard / SAMPLE_RATE;
      this.#heard += STEP;
      for (const rows of this.#rows.push(await this.#spectrogram(step))) {
        const embedding = await apply(this.#embedding, rows, [1, 76, MELS, 1]);
        for (const window of this.#embeddings.push(embedding)) {
          const [score] = await apply(this.#wakeWord, window, [1, 16, FEATURES]);
          scores.push({ start, end: this.#heard / SAMPLE_RATE, score });
        }
      }
    }
    return scores;
  }

  // The spectrogram model counts in 16-bit steps, and the embedding was trained on x / 10 + 2.
  async #spectrogram(samples) {
    const steps = samples.map((sample) => sample * 32768);
    const decibels = await apply(this.#mel, steps, [1, steps.length]);
    return decibels.map((value) => value / 10 + 2);
  }
}

/** Runs a model that has one input and one output. */
async function apply(session, data, dims) {
  const feeds = { [session.inputNames[0]]: new Tensor('float32', data, dims) };
  const results = await session.run(feeds);
  return results[session.outputNames[0]].data;
}

/** Gathers the microphone's samples to steps, on the audio thread. */
class Microphone extends AudioWorkletProcessor {
  #step;
  #samples;
  #count = 0;

  constructor({ processorOptions: { step } }) {
    super();
    this.#step = step;
    this.#samples = new Float32Array(step);
  }

  process([[samples = []]]) {
    for (const sample of samples) {
      this.#samples[this.#count++] = sample;
      if (this.#count < this.#step) continue;
      this.port.postMessage(this.#samples, [this.#samples.buffer]);
      this.#samples = new Float32Array(this.#step);
      this.#count = 0;
    }
    return true;
  }
}

registerProcessor('microphone', Microphone);

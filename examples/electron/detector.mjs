// The utility process: hears samples over a channel, says how likely the wake word has just been
// said, and how long that took. The event loop of no window waits for it.
import { LatencyHistogram } from 'onlite';

import { OpenWakeWord } from '../wake-word/open-wake-word.mjs';

const REPORT_MS = 250;
/** Upper ends of the histogram's bars in milliseconds: a bar is a third of an octave wide. */
const BARS_MS = Array.from({ length: 28 }, (_, bar) => 0.25 * 2 ** (bar / 3));

/** Counts of each bar, the last of which takes what is longer too. */
function bars(histogram) {
  let below = 0;
  return BARS_MS.map((upper, bar) => {
    const isLast = bar === BARS_MS.length - 1;
    const lowest = below;
    below = upper * 1e6;
    return histogram.countBetween(Math.ceil(lowest), isLast ? histogram.highest : below - 1);
  });
}

/**
 * Serves a page: {samples: Float32Array of 16 kHz mono} in, {scores} and {latency} out.
 *
 * @param port - a MessagePortMain
 */
async function serve(port, models) {
  const detector = await OpenWakeWord.create(models, 'hey_jarvis');
  const names = ['melspectrogram', 'embedding_model', 'hey_jarvis'];
  const steps = new LatencyHistogram();

  async function hear(samples) {
    const start = process.hrtime.bigint();
    const scores = await detector.push(samples);
    if (scores.length === 0) return;
    steps.record(process.hrtime.bigint() - start);
    port.postMessage({ scores });
  }

  function report() {
    const milliseconds = ({ count, p50, p99 }) => ({ count, p50: p50 / 1e6, p99: p99 / 1e6 });
    port.postMessage({
      latency: {
        ...milliseconds(steps.snapshot()),
        barsMs: BARS_MS,
        counts: bars(steps),
        models: detector.sessions.map(({ latency }, index) => ({
          name: names[index],
          ...milliseconds(latency.total.snapshot()),
        })),
      },
    });
  }

  let last = Promise.resolve();
  const fail = (error) => port.postMessage({ error: error.message });
  // In their order: the pipeline has state.
  port.on('message', ({ data }) => {
    last = last.then(() => hear(data.samples)).catch(fail);
  });
  port.start();
  port.postMessage({ ready: true });
  setInterval(report, REPORT_MS);
}

process.parentPort.once('message', ({ data: { models }, ports: [port] }) => {
  serve(port, models).catch((error) => port.postMessage({ error: error.message }));
});

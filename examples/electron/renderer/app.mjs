import { listen, playFile } from './audio.mjs';
import { drawBars, ProbabilityChart } from './charts.mjs';

const STEPS = 125; // of 80 ms: ten seconds
const THRESHOLD = 0.5;

const element = (id) => document.getElementById(id);
const sources = ['recording', 'microphone', 'file'].map(element);
const chart = new ProbabilityChart(element('probability-chart'), STEPS);
const milliseconds = (value) => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
const say = (text) => {
  element('status').textContent = text;
};

let detections = 0;
let isHearing = false;

function showScore({ score }) {
  chart.push(score);
  const isNow = score >= THRESHOLD;
  if (isNow && !isHearing) {
    detections += 1;
    element('detections').value = detections;
  }
  isHearing = isNow;
  element('probability').value = `${(score * 100).toFixed(1)} %`;
  element('probability').classList.toggle('heard', isNow);
}

function showLatency({ count, p50, p99, counts, models }) {
  if (count === 0) return;
  element('p50').value = milliseconds(p50);
  element('p99').value = milliseconds(p99);
  drawBars(element('latency-chart'), counts);
  element('models').replaceChildren(
    ...models.map((model) => {
      const row = document.createElement('tr');
      const { name, count: runs } = model;
      for (const text of [name, runs, model.p50.toFixed(3), model.p99.toFixed(3)]) {
        row.insertCell().textContent = text;
      }
      return row;
    }),
  );
}

function start(port) {
  let stop;
  // The samples go to the detector's process by transfer.
  const hear = (samples) => port.postMessage({ samples }, [samples.buffer]);

  function end(text) {
    stop?.();
    stop = undefined;
    element('stop').disabled = true;
    for (const source of sources) source.disabled = false;
    say(text);
  }

  async function begin(text, open) {
    for (const source of sources) source.disabled = true;
    say(text);
    try {
      stop = await open();
      element('stop').disabled = false;
    } catch (error) {
      end(error.message);
    }
  }

  const play = (bytes) => playFile(bytes, hear, () => end('That was all.'));
  element('recording').onclick = () =>
    begin('Playing the recording', async () => {
      const response = await fetch('recording.wav');
      return play(await response.arrayBuffer());
    });
  element('microphone').onclick = () => begin('Listening', () => listen(hear));
  element('file').onchange = ({ target }) => {
    const [file] = target.files;
    if (file) begin(`Playing ${file.name}`, async () => play(await file.arrayBuffer()));
    target.value = '';
  };
  element('stop').onclick = () => end('Stopped.');

  port.onmessage = ({ data: { ready, scores = [], latency, error } }) => {
    if (ready) end('Ready.');
    if (error) end(error);
    for (const score of scores) showScore(score);
    if (latency) showLatency(latency);
  };
}

// From the preload script, which has it from the main process.
window.addEventListener('message', ({ source, data, ports: [port] }) => {
  if (source === window && data === 'detector' && port) start(port);
});

// Listens to a recording as if it came from a microphone. usage: main.mjs [--json] [FILE.wav]
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { OpenWakeWord } from './open-wake-word.mjs';
import { report } from './report.mjs';
import { findSegments } from './segments.mjs';
import { SileroVad } from './silero-vad.mjs';
import { readWav } from './wav.mjs';

const SAMPLE_RATE = 16000;
const BLOCK = 320; // samples: 20 ms, as a sound card would deliver them
const AFTERWARDS = 8000; // samples of silence: a wake word is known only when it is over
const models = fileURLToPath(new URL('../../models/', import.meta.url));
const recording = fileURLToPath(new URL('recording.wav', import.meta.url));

async function listen(file) {
  const samples = await readWav(file);
  const stream = new Float32Array(samples.length + AFTERWARDS);
  stream.set(samples);
  const vad = await SileroVad.create(`${models}silero_vad_v5.onnx`);
  const wakeWord = await OpenWakeWord.create(models, 'hey_jarvis');

  const speechScores = [];
  const wakeWordScores = [];
  for (let offset = 0; offset < stream.length; offset += BLOCK) {
    const block = stream.subarray(offset, offset + BLOCK);
    const [speech, wake] = await Promise.all([vad.push(block), wakeWord.push(block)]);
    speechScores.push(...speech);
    wakeWordScores.push(...wake);
  }

  const names = ['silero_vad_v5', 'melspectrogram', 'embedding_model', 'hey_jarvis'];
  const sessions = [...vad.sessions, ...wakeWord.sessions];
  const result = {
    file: basename(file),
    seconds: samples.length / SAMPLE_RATE,
    speech: findSegments(speechScores, { shortest: 0.1 }),
    wakeWords: findSegments(wakeWordScores, { pause: 1 }).map((segment) => ({
      word: 'hey jarvis',
      at: segment.peak,
      ...segment,
    })),
    models: sessions.map((session, i) => {
      const { count: runs, p50, p95, p99 } = session.latency.total.snapshot();
      const { engine, executionProviders } = session;
      return { model: names[i], engine, executionProviders, runs, p50, p95, p99 };
    }),
  };
  await Promise.all(sessions.map((session) => session.release()));
  return result;
}

try {
  const options = { json: { type: 'boolean' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals.length > 1) throw new Error('expected one FILE.wav');
  const result = await listen(positionals[0] ?? recording);
  console.log(values.json ? JSON.stringify(result, null, 2) : report(result));
} catch (error) {
  console.error(`wake-word: ${error.message}`.replace(/\p{Cc}+/gu, ' '));
  process.exitCode = 1;
}

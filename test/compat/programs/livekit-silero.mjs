import { ReadableStream } from 'node:stream/web';

import { initializeLogger, VADEventType } from '@livekit/agents';
import { VAD } from '@livekit/agents-plugin-silero';
import { AudioFrame } from '@livekit/rtc-node';

import { frames, recording } from './inputs.mjs';

const sampleRate = 16_000;
const frameLength = 512;

export async function main() {
  initializeLogger({ pretty: false, level: 'error' });
  const vad = await VAD.load();
  const stream = vad.stream();
  const samples = Int16Array.from(recording(), (sample) => sample * 0x7fff);
  const audioFrames = Array.from(
    frames(samples, frameLength),
    (frame) => new AudioFrame(frame, sampleRate, 1, frame.length),
  );
  stream.updateInputStream(ReadableStream.from(audioFrames));
  const events = [];
  let left = audioFrames.length;
  // The stream stays open after its input has ended.
  for await (const { type, probability, samplesIndex, speaking } of stream) {
    events.push({ type, probability, samplesIndex, speaking });
    if (type === VADEventType.INFERENCE_DONE) left -= 1;
    if (left === 0) break;
  }
  return events;
}

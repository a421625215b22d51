import vad from '@ericedouard/vad-node-realtime';

import { frames, recording } from './inputs.mjs';

/** 20 ms, as a telephone line sends them. */
const chunkLength = 320;

export async function main() {
  const events = [];
  const detector = await vad.RealTimeVAD.new({
    onSpeechStart: () => events.push('speech'),
    onSpeechEnd: (audio) => events.push(audio),
    onFrameProcessed: (probabilities) => events.push(probabilities),
  });
  detector.start();
  for (const chunk of frames(recording(), chunkLength)) await detector.processAudio(chunk);
  await detector.flush();
  detector.destroy();
  return events;
}

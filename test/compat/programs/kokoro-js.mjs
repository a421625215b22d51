import { fileURLToPath } from 'node:url';

import { env } from '@huggingface/transformers';
import { KokoroTTS } from 'kokoro-js';

export async function main() {
  env.localModelPath = fileURLToPath(new URL('models/', import.meta.url));
  env.allowRemoteModels = false;
  const tts = await KokoroTTS.from_pretrained('kokoro', { dtype: 'q8', device: 'cpu' });
  const { audio, sampling_rate } = await tts.generate('Hello.', { voice: 'af_heart' });
  return { audio, sampling_rate };
}

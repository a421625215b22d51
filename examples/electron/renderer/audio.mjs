const SAMPLE_RATE = 16000;
const STEP = 1280; // samples: 80 ms, what the pipeline looks at anew

/** Decodes a sound file of any kind to 16 kHz mono. */
async function decode(bytes) {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  const sound = await context.decodeAudioData(bytes);
  const mono = new OfflineAudioContext(1, Math.ceil(sound.duration * SAMPLE_RATE), SAMPLE_RATE);
  const source = new AudioBufferSourceNode(mono, { buffer: sound });
  source.connect(mono.destination);
  source.start();
  return (await mono.startRendering()).getChannelData(0);
}

/**
 * Hands out a sound file's samples as a microphone would, and silence for a second afterwards: a wake
 * word is known only when it is over.
 *
 * @param hear - is given a Float32Array of its own
 * @param ended - called once, unless it was stopped before
 * @returns a function that stops it
 */
export async function playFile(bytes, hear, ended) {
  const sound = await decode(bytes);
  const samples = new Float32Array(sound.length + SAMPLE_RATE);
  samples.set(sound);
  const started = performance.now();
  let heard = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - started) / 1000) * SAMPLE_RATE;
    while (heard + STEP <= due && heard < samples.length) {
      hear(samples.slice(heard, heard + STEP));
      heard += STEP;
    }
    if (heard < samples.length) return;
    clearInterval(timer);
    ended();
  }, 20);
  return () => clearInterval(timer);
}

/** The same of the microphone, until it is stopped. */
export async function listen(hear) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  await context.audioWorklet.addModule('microphone-worklet.mjs');
  const source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
  const processor = new AudioWorkletNode(context, 'microphone', {
    processorOptions: { step: STEP },
  });
  processor.port.onmessage = ({ data }) => hear(data);
  source.connect(processor);
  return () => {
    for (const track of stream.getTracks()) track.stop();
    context.close();
  };
}

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('../../examples/wake-word', import.meta.url));
const recording = join(example, 'recording.wav');

interface Segment {
  start: number;
  end: number;
  confidence: number;
}

interface Result {
  seconds: number;
  speech: Segment[];
  wakeWords: (Segment & { word: string; at: number })[];
  models: {
    model: string;
    engine: string;
    executionProviders: string[];
    runs: number;
    p50: number;
    p95: number;
    p99: number;
  }[];
}

interface Exit {
  code: number | string | null | undefined;
  stdout: string;
  stderr: string;
}

function listen(...args: string[]): Promise<Exit> {
  return new Promise((done) => {
    const main = join(example, 'main.mjs');
    execFile(process.execPath, [main, ...args], { timeout: 180_000 }, (error, stdout, stderr) => {
      done({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

async function listenJson(...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await listen('--json', ...args);
  // TensorFlow Lite says this once, and its C API has no way to stop it.
  expect(stderr.replace(/^INFO: .*XNNPACK delegate.*\r?\n/gm, '')).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as Result;
}

function chunk(tag: string, body: Buffer, size = body.length): Buffer {
  const header = Buffer.alloc(8);
  header.write(tag, 'latin1');
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, body, Buffer.alloc(body.length % 2)]);
}

function format({ tag = 1, channels = 1, rate = 16000, bits = 16 } = {}): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt16LE(tag, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(rate, 4);
  body.writeUInt32LE((rate * channels * bits) / 8, 8);
  body.writeUInt16LE((channels * bits) / 8, 12);
  body.writeUInt16LE(bits, 14);
  return body;
}

function extensible(subformat: number, bits: number): Buffer {
  const extension = Buffer.alloc(24);
  extension.writeUInt16LE(22, 0);
  extension.writeUInt16LE(bits, 2);
  extension.writeUInt32LE(4, 4);
  extension.writeUInt16LE(subformat, 8);
  Buffer.from('000000001000800000aa00389b71', 'hex').copy(extension, 10);
  return Buffer.concat([format({ tag: 0xfffe, bits }), extension]);
}

function wav(...chunks: Buffer[]): Buffer {
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]));
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onlite-wake-word-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the committed recording', () => {
  it('has the wake word once and three stretches of speech', async () => {
    const { seconds, speech, wakeWords } = await listenJson();
    expect(seconds).toBeCloseTo(10.26, 2);

    expect(wakeWords).toHaveLength(1);
    expect(wakeWords[0]?.word).toBe('hey jarvis');
    expect(wakeWords[0]?.at).toBeGreaterThan(5.2);
    expect(wakeWords[0]?.at).toBeLessThan(6.1);
    expect(wakeWords[0]?.confidence).toBeGreaterThan(0.9);
    // The same pipeline in Python, on ai-edge-litert 2.3: 0.9943.
    expect(wakeWords[0]?.confidence).toBeCloseTo(0.9943, 3);

    const expected = [
      [1.06, 2.62],
      [4.54, 5.41],
      [7.39, 8.86],
    ];
    expect(speech).toHaveLength(expected.length);
    for (const [i, [start = NaN, end = NaN]] of expected.entries()) {
      expect(Math.abs((speech[i]?.start ?? NaN) - start)).toBeLessThan(0.15);
      expect(Math.abs((speech[i]?.end ?? NaN) - end)).toBeLessThan(0.15);
    }
  });

  it('runs four models on the runtime and provider that were asked for', async () => {
    const { models } = await listenJson();
    const samples = ((await readFile(recording)).length - 44) / 2 + 8000;
    const steps = Math.floor(samples / 1280);
    expect(models.map(({ model, engine, runs }) => [model, engine, runs])).toEqual([
      ['silero_vad_v5', 'onnxruntime', Math.floor(samples / 512)],
      ['melspectrogram', 'tflite', steps + 1],
      ['embedding_model', 'tflite', steps + 1],
      ['hey_jarvis', 'tflite', steps],
    ]);
    const providers = models.map(({ executionProviders }) => executionProviders[0]);
    expect(providers).toEqual(['cpu', 'cpu', 'xnnpack', 'xnnpack']);
    for (const { p50, p95, p99 } of models) {
      expect(p50).toBeGreaterThan(0);
      expect(p95).toBeGreaterThanOrEqual(p50);
      expect(p99).toBeGreaterThanOrEqual(p95);
    }
  });

  it('prints a timeline and a table', async () => {
    const { code, stdout } = await listen();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^speech {5}·+#+·+#+·+#+·+$/m);
    expect(stdout).toMatch(/^wake word {2}·+\^+·+$/m);
    expect(stdout.match(/ s to +[\d.]+ s {2}speech$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^ +5\.\d\d s +"hey jarvis", 9\d\.\d % sure$/m);
    expect(stdout).toMatch(/^silero_vad_v5 +onnxruntime +cpu +336( +\d+\.\d{3}){3}$/m);
    expect(stdout).toMatch(/^hey_jarvis +tflite +xnnpack.* +134( +\d+\.\d{3}){3}$/m);
  });
});

it('is the code that its page shows', async () => {
  const readme = await readFile(join(example, 'README.md'), 'utf8');
  const shown = /^async push\(samples\) \{\n[^]*?^\}$/m.exec(readme)?.[0];
  const source = await readFile(join(example, 'silero-vad.mjs'), 'utf8');
  expect(source.replace(/^ {2}/gm, '')).toContain(shown ?? 'an excerpt');
});

describe('another recording', () => {
  it('may have other chunks, an extensible header and no length in its RIFF header', async () => {
    const samples = (await readFile(recording)).subarray(44);
    const bytes = wav(
      chunk('fmt ', extensible(1, 16)),
      chunk('LIST', Buffer.from('odd')),
      chunk('data', samples),
    );
    bytes.writeUInt32LE(0, 4);
    const file = join(folder, 'extensible.wav');
    await writeFile(file, bytes);
    const [other, committed] = [await listenJson(file), await listenJson()];
    expect(other.speech).toEqual(committed.speech);
    expect(other.wakeWords).toEqual(committed.wakeWords);
  });

  it('may be shorter than a frame', async () => {
    const file = join(folder, 'short.wav');
    await writeFile(file, wav(chunk('fmt ', format()), chunk('data', Buffer.alloc(2))));
    const { code, stdout } = await listen(file);
    expect(code).toBe(0);
    expect(stdout).toContain('nothing was heard');
  });

  it('is heard when it begins and ends with the wake word', async () => {
    const samples = (await readFile(recording)).subarray(44);
    const [from, to] = [4.5, 5.45].map((second) => second * 32000);
    const file = join(folder, 'only-wake-word.wav');
    await writeFile(file, wav(chunk('fmt ', format()), chunk('data', samples.subarray(from, to))));
    const { wakeWords } = await listenJson(file);
    expect(wakeWords).toHaveLength(1);
    expect(wakeWords[0]?.confidence).toBeGreaterThan(0.9);
  });
});

describe('what is not a recording', () => {
  const pcm = chunk('fmt ', format());
  const data = chunk('data', Buffer.alloc(3200));
  const cases: [name: string, bytes: Buffer, message: string][] = [
    ['empty', Buffer.alloc(0), 'not a WAV file'],
    ['text', Buffer.from('this is not a recording'), 'not a WAV file'],
    ['header-only', wav(), 'truncated: no data chunk'],
    ['no-data', wav(pcm), 'truncated: no data chunk'],
    ['cut', wav(pcm, data).subarray(0, 1044), 'truncated: the data chunk has 1000 of 3200 bytes'],
    ['cut-in-chunk-header', wav(pcm, data).subarray(0, 42), 'truncated: no data chunk'],
    [
      'data-size',
      wav(pcm, chunk('data', Buffer.alloc(8), 0xffffffff)),
      'truncated: the data chunk has 8 of 4294967295 bytes',
    ],
    ['other-size', wav(pcm, chunk('LIST', Buffer.alloc(4), 0xfffffffe), data), 'no data chunk'],
    ['fmt-size', wav(chunk('fmt ', format(), 0x7fffffff), data), 'no data chunk'],
    ['fmt-short', wav(chunk('fmt ', format().subarray(0, 14)), data), 'shorter than 16 bytes'],
    ['no-fmt', wav(data), 'damaged: no fmt chunk before the data chunk'],
    ['no-samples', wav(pcm, chunk('data', Buffer.alloc(0))), 'holds no samples'],
    ['half-sample', wav(pcm, chunk('data', Buffer.alloc(5))), 'ends in half a sample'],
    ['stereo', wav(chunk('fmt ', format({ channels: 2 })), data), 'expected 1 channel, got 2'],
    ['8-khz', wav(chunk('fmt ', format({ rate: 8000 })), data), 'expected 16000 Hz, got 8000 Hz'],
    ['8-bit', wav(chunk('fmt ', format({ bits: 8 })), data), 'expected 16-bit PCM, got 8-bit PCM'],
    [
      'float',
      wav(chunk('fmt ', format({ tag: 3, bits: 32 })), data),
      'expected 16-bit PCM, got 32-bit float',
    ],
    [
      'extensible-float',
      wav(chunk('fmt ', extensible(3, 32)), data),
      'expected 16-bit PCM, got 32-bit float',
    ],
    [
      'extensible-short',
      wav(chunk('fmt ', extensible(1, 16).subarray(0, 30)), data),
      'the extensible fmt chunk is cut short',
    ],
    [
      'mu-law',
      wav(chunk('fmt ', format({ tag: 7, bits: 8 })), data),
      'expected 16-bit PCM, got 8-bit format 0x7',
    ],
  ];

  async function expectRefusal(args: string[], message: string): Promise<void> {
    const { code, stdout, stderr } = await listen(...args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^wake-word: [^\n]+\n$/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  }

  it.each(cases)('%s', async (name, bytes, message) => {
    const file = join(folder, `${name}.wav`);
    await writeFile(file, bytes);
    await expectRefusal([file], message);
  });

  it('a missing file', () => expectRefusal([join(folder, 'none.wav')], 'none.wav: no such file'));
  it('a name with a line break', () => expectRefusal([join(folder, 'a\nb')], 'a b: no such file'));
  it('a folder', () => expectRefusal([folder], 'not a file'));
  it('two files', () => expectRefusal([recording, recording], 'expected one FILE.wav'));
  it('an unknown option', () => expectRefusal(['--loud'], "Unknown option '--loud'"));
});

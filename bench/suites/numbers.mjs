import { Tensor, parseNumbers, printNumbers } from 'onlite';
import { batchFor, interleave, sampleSync, warmUp } from 'onlite/bench';

import { fromInterleaved } from '../harness/context.mjs';

export const name = 'numbers';
export const description = 'numbers in JSON: parseNumbers and printNumbers beside JSON';
/** Nothing of the raw C programs is needed. */
export const isStandalone = true;

/** An image's worth of floats between -1 and 1, the same ones in every process. */
function floats(count) {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 31 - 1;
  });
}

/** Pairs of what is measured and what a program would do without it. */
function cases() {
  const values = floats(150_528);
  const dims = [1, 224, 224, 3];
  const tensor = new Tensor('float32', values, dims);
  // As JavaScript and Python write a float32: 17 digits, those of the float64.
  const bytes = Buffer.from(JSON.stringify(Array.from(values)));
  const text = bytes.toString('latin1');
  const into = new Float32Array(values.length);
  const few = new Tensor('float32', values.slice(0, 4), [4]);
  const fewBytes = Buffer.from(JSON.stringify(Array.from(few.data)));
  return {
    'parse, 150,528 floats of 17 digits': {
      target: { atLeast: 4 },
      figure: 'numbers in JSON: parse and print, 150,528 floats',
      ours: () => parseNumbers(bytes, 'float32', into),
      json: () => into.set(JSON.parse(bytes)),
    },
    'parse, the same, from a string, to new memory': {
      ours: () => parseNumbers(bytes, 'float32'),
      json: () => new Float32Array(JSON.parse(text)),
    },
    'print, 150,528 floats': {
      target: { atLeast: 2.5 },
      figure: 'numbers in JSON: parse and print, 150,528 floats',
      ours: () => printNumbers(tensor, { layout: 'flat' }),
      json: () => Buffer.from(JSON.stringify(Array.from(values))),
    },
    'print, the same, nested [1,224,224,3]': {
      ours: () => printNumbers(tensor),
      json: () => Buffer.from(JSON.stringify(Array.from(values))),
    },
    "print, the same, TensorFlow Serving's form": {
      ours: () => printNumbers(tensor, { layout: 'flat', form: 'tensorflow' }),
      json: () => Buffer.from(JSON.stringify(Array.from(values))),
    },
    'parse, 4 floats': {
      ours: () => parseNumbers(fewBytes, 'float32'),
      json: () => new Float32Array(JSON.parse(fewBytes)),
    },
    'print, 4 floats': {
      ours: () => printNumbers(few),
      json: () => Buffer.from(JSON.stringify(Array.from(few.data))),
    },
  };
}

/** How many times as long JSON takes. */
export async function run(context) {
  const { warmUpMs, sliceMs } = context.pace;
  for (const [what, { target, figure, ours, json }] of Object.entries(cases())) {
    const caseName = `${what}: JSON / onlite`;
    await context.case({ name: caseName, unit: 'ratio', target, figure }, async () => {
      const sides = [];
      for (const call of [json, ours]) {
        const batch = batchFor(await warmUp(call, { ms: warmUpMs }));
        sides.push(() => sampleSync(call, { ms: sliceMs, batch }));
      }
      const [subject, baseline] = sides;
      const result = await interleave({ subject, baseline, ...context.repetitions(caseName) });
      return fromInterleaved(result, { sides: ['json', 'onlite'] });
    });
  }
}

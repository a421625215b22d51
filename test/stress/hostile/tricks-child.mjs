// Plays the tricks from `first` on; see tricks.mjs.
import { readFileSync } from 'node:fs';

import { InferenceSession, Tensor } from 'onlite';

import { isTyped, summary } from './outcome.mjs';
import { report } from './report.mjs';
import { tricks } from './tricks.mjs';
import { OwnError } from './values.mjs';

const { file, first } = JSON.parse(process.argv[2]);

const rowsSession = await InferenceSession.create(file);
const context = { rowsFile: file, rowsBytes: readFileSync(file), rowsSession };
const counts = { results: 0, errors: 0 };

for (const [number, [trick, play]] of tricks.entries()) {
  if (number < first) continue;
  report({ number, trick });
  try {
    await play(context);
    counts.results++;
  } catch (error) {
    counts.errors++;
    if (!isTyped(error) && !(error instanceof OwnError)) report({ bad: summary(error), trick });
  }
}

const { y } = await rowsSession.run({ x: new Tensor('float32', Float32Array.of(1, 2, 3), [1, 3]) });
if (y.data.join() !== '1,2,3') report({ bad: `wrong result afterwards: ${y.data}` });
report({ done: counts });
process.exit(0);

// Creates the variants [first, last) of each task's model and runs them once with zeros; TensorFlow
// Lite's are profiled too, which has the runtime read more of the file.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { InferenceSession } from 'onlite';

import { damage } from './damage.mjs';
import { damageConversionMetadata } from './damage-metadata.mjs';
import { isTyped, summary } from './outcome.mjs';
import { Random } from './random.mjs';
import { report } from './report.mjs';
import { zeroFeeds } from './zeros.mjs';

const { tasks } = JSON.parse(process.argv[2]);

/** How it ended, and the error if there was one. */
async function tryModel(bytes, options, profiled) {
  let session;
  try {
    session = await InferenceSession.create(bytes, options);
  } catch (error) {
    return ['refused', error];
  }
  try {
    const feeds = zeroFeeds(session);
    if (feeds === null) return ['unfed'];
    // A loop may have been told to go round 2^60 times, which no format forbids.
    await session.run(feeds, { timeoutMs: 4000 });
    if (profiled) await session.profile(feeds, { runs: 1, signal: AbortSignal.timeout(4000) });
    return ['ran'];
  } catch (error) {
    return ['failed', error];
  } finally {
    await session.release();
  }
}

for (const { model: file, seed, first, last, part } of tasks) {
  const change = part === 'metadata' ? damageConversionMetadata : damage;
  const model = readFileSync(file);
  for (let variant = first; variant < last; variant++) {
    const { kind, bytes } = change(model, Random.for(seed, basename(file), variant));
    report({ model: file, variant, kind });
    const options = {
      // A damaged model may well ask for every thread that there is.
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
      ...(file.endsWith('.tflite') && variant % 2 === 1 ? { executionProviders: ['cpu'] } : {}),
    };
    const [ended, error] = await tryModel(bytes, options, file.endsWith('.tflite'));
    const bad = error === undefined || isTyped(error) ? {} : { bad: summary(error) };
    report({ ended, rss: process.resourceUsage().maxRSS >> 10, ...bad });
  }
}
report({ done: true });
process.exit(0);

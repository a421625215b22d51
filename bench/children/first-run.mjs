// node first-run.mjs MODEL: prints how long the first session and its first run took.
import { InferenceSession } from 'onlite';

import { feedsFor } from '../harness/subject.mjs';

const start = performance.now();
const session = await InferenceSession.create(process.argv[2], { intraOpNumThreads: 1 });
const createMs = performance.now() - start;
const feeds = feedsFor(session);
const runStart = performance.now();
await session.run(feeds);
console.log(JSON.stringify({ createMs, firstRunMs: performance.now() - runStart }));

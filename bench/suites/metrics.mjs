import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { batchFor, interleave, sampleAsync, sampleSync, warmUp } from 'onlite/bench';
import { handler, metricsText } from 'onlite/metrics';

import { fromInterleaved, fromValues } from '../harness/context.mjs';
import { micro } from '../harness/micro.mjs';
import { BENCH } from '../harness/paths.mjs';
import { bindingFor, createSession, feedsFor } from '../harness/subject.mjs';

export const name = 'metrics';
export const description = 'what being watched costs: scrapes, the text, subscribers of onlite:run';

const scrapeMs = 100;

/** A server with the metrics and a process that scrapes it when told to. */
async function watched(measure) {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/metrics`;
  const scraper = fork(join(BENCH, 'children/scrape.mjs'), [url, String(scrapeMs)]);
  try {
    await once(scraper, 'message');
    return await measure({
      start: () => scraper.send('start'),
      stop: async () => {
        scraper.send('stop');
        const [counts] = await once(scraper, 'message');
        if (counts.failed > 0 || counts.scrapes === 0) {
          throw new Error(`${counts.scrapes} scrapes, ${counts.failed} failed`);
        }
        return counts;
      },
    });
  } finally {
    const ended = once(scraper, 'exit');
    scraper.disconnect();
    await ended;
    server.closeAllConnections();
    server.close();
  }
}

async function withSession(measure) {
  const session = await createSession('add.onnx');
  try {
    return await measure(session);
  } finally {
    await session.release();
  }
}

const asyncRuns = {
  'run(feeds)': (session) => {
    const feeds = feedsFor(session);
    return () => session.run(feeds);
  },
  'bound run': (session) => {
    const binding = bindingFor(session);
    return () => binding.run();
  },
};

/** p99 of one run after the other while the metrics are scraped, to p99 without. */
async function whileScraped(context, kind, runOf) {
  const caseName = `Add, ${kind}, scraped every ${scrapeMs} ms / not: p99`;
  // Some scrapes in each slice.
  const ms = Math.max(context.pace.sliceMs, 5 * scrapeMs);
  await context.case({ name: caseName, unit: 'ratio', target: { atMost: 1.05 } }, () =>
    withSession((session) =>
      watched(async ({ start, stop }) => {
        const run = runOf(session);
        await warmUp(run, { ms: context.pace.warmUpMs });
        const result = await interleave({
          subject: async () => {
            start();
            const sample = await sampleAsync(run, { ms });
            return { ...sample, ...(await stop()) };
          },
          baseline: () => sampleAsync(run, { ms }),
          value: ({ p99 }) => p99,
          ...context.repetitions(caseName),
        });
        return fromInterleaved(result, { sides: ['scraped', 'alone'] });
      }),
    ),
  );
}

/** A bound runSync that somebody hears of, to one that nobody does. */
async function whileHeard(context) {
  const caseName = 'Add, bound runSync, a subscriber of onlite:run / none';
  await context.case({ name: caseName, unit: 'ratio' }, () =>
    withSession(async (session) => {
      const { sliceMs: ms, warmUpMs } = context.pace;
      const binding = bindingFor(session);
      const run = () => binding.runSync();
      const batch = batchFor(await warmUp(run, { ms: warmUpMs }));
      let heard = 0;
      const listen = () => (heard += 1);
      const result = await interleave({
        subject: () => {
          subscribe('onlite:run', listen);
          try {
            return sampleSync(run, { ms, batch });
          } finally {
            unsubscribe('onlite:run', listen);
          }
        },
        baseline: () => sampleSync(run, { ms, batch }),
        ...context.repetitions(caseName),
      });
      if (heard === 0) throw new Error('nothing was published');
      return fromInterleaved(result, { sides: ['heard', 'unheard'] });
    }),
  );
}

async function textItself(context) {
  const caseName = 'metricsText(), one session';
  await context.case({ name: caseName, unit: 'ns' }, () =>
    withSession(async (session) => {
      const { sliceMs: ms, warmUpMs, repetitions } = context.pace;
      const run = asyncRuns['run(feeds)'](session);
      await warmUp(run, { ms: warmUpMs });
      const results = [];
      for (let repetition = 0; repetition < Math.min(repetitions, 7); repetition += 1) {
        results.push(await micro(caseName, () => metricsText(), { ms, warmUpMs }));
      }
      return fromValues(
        results.map(({ p50 }) => p50),
        { results },
      );
    }),
  );
}

export async function run(context) {
  for (const [kind, runOf] of Object.entries(asyncRuns)) await whileScraped(context, kind, runOf);
  await whileHeard(context);
  await textItself(context);
}

// Repeats one thing and reports the process's resident set in between, in MiB.
// Needs --expose-gc.
import { createLarge, createSmall, sleep, smallFeeds } from '../../lifecycle/children/models.mjs';
import { report } from '../../lifecycle/children/cases.mjs';

const [what, engine, count] = process.argv.slice(2);
const marks = 4;

/** After collecting and giving finalizers and executor threads time. */
async function residentMiB() {
  for (let round = 0; round < 5; round++) {
    globalThis.gc();
    await sleep(10);
  }
  return process.memoryUsage.rss() / 2 ** 20;
}

/** The same after the heap was trimmed, a moment after the last session was released and collected. */
async function trimmedMiB() {
  await residentMiB();
  await sleep(1000);
  return residentMiB();
}

async function repeat(times, once) {
  for (let mark = 1; mark <= marks; mark++) {
    for (let index = 0; index < times / marks; index++) await once(index);
    report({ done: (times / marks) * mark, rss: await trimmedMiB() });
  }
}

const actions = {
  async sessions() {
    await repeat(Number(count), async () => {
      const session = await createSmall(engine);
      await session.run(smallFeeds());
      await session.release();
    });
  },
  /** A process that has used a small model, with many large ones, and after their release. */
  async released() {
    const small = await createSmall(engine);
    await small.run(smallFeeds());
    await small.release();
    report({ rss: await residentMiB() });
    const sessions = await Promise.all(
      Array.from({ length: Number(count) }, () => createLarge(engine)),
    );
    report({ rss: await residentMiB() });
    await Promise.all(sessions.map((session) => session.release()));
    report({ rss: await trimmedMiB() });
  },
  async forgotten() {
    await repeat(Number(count), async (index) => {
      const session = await createSmall(engine);
      await session.run(smallFeeds());
      // A program that forgets them gives the event loop a turn now and then.
      if (index % 50 === 49) await residentMiB();
    });
  },
  async runs() {
    const session = await createSmall(engine);
    await repeat(Number(count) / 10, async (index) => {
      // Awaited, synchronous, refused and cancelled ones.
      await Promise.all(Array.from({ length: 8 }, () => session.run(smallFeeds(index))));
      session.runSync(smallFeeds(index));
      const signal = index % 2 === 0 ? AbortSignal.abort() : undefined;
      await session
        .run(index % 4 === 1 ? {} : smallFeeds(), { ...(signal && { signal }) })
        .catch(() => null);
    });
    await session.release();
  },
};

await actions[what]();

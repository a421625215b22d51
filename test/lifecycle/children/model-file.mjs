// What happens to a model's file or buffer after, and while, a session is created from it.
import { strict as assert } from 'node:assert';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession } from 'onlite';

import { runCases } from './cases.mjs';
import { isSum, rejection, smallFeeds, smallModel, turn } from './models.mjs';

const folder = mkdtempSync(join(tmpdir(), 'onlite-lifecycle-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

function copyOf(engine) {
  const file = join(folder, 'model');
  rmSync(file, { force: true });
  copyFileSync(smallModel(engine), file);
  return file;
}

async function assertRuns(session, rounds = 20) {
  for (let number = 0; number < rounds; number++) {
    assert.ok(isSum(await session.run(smallFeeds(number)), number));
    assert.ok(isSum(session.runSync(smallFeeds(number)), number));
  }
}

await runCases({
  'overwritten in place with rubbish': async (engine) => {
    const file = copyOf(engine);
    const session = await InferenceSession.create(file, { concurrency: 2 });
    await assertRuns(session);
    writeFileSync(file, Buffer.alloc(statSync(file).size, 0xff));
    await assertRuns(session);
    // The interpreter made anew reads the model again.
    await session.resetVariables();
    await assertRuns(session);
    await session.release();
  },

  'overwritten in place while runs are in flight': async (engine) => {
    const file = copyOf(engine);
    const good = readFileSync(file);
    const session = await InferenceSession.create(file, { concurrency: 2 });
    const io = session.bind();
    let rewrites = 0;
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let number = 0; rewrites < 10; number++) {
        if (lane === 0) await io.run();
        // Interpreters that are made anew do not look at the file.
        else if (lane === 1) await session.resetVariables();
        else assert.ok(isSum(await session.run(smallFeeds(number)), number));
      }
    });
    for (; rewrites < 10; rewrites++) {
      writeFileSync(file, [Buffer.alloc(good.length, 0xff), Buffer.alloc(0), good][rewrites % 3]);
      await turn();
    }
    await Promise.all(lanes);
    await session.release();
  },

  'truncated in place': async (engine) => {
    const file = copyOf(engine);
    const session = await InferenceSession.create(file);
    truncateSync(file, 0);
    await assertRuns(session);
    await session.release();
  },

  'deleted after create': async (engine) => {
    const file = copyOf(engine);
    const session = await InferenceSession.create(file);
    rmSync(file);
    await assertRuns(session);
    await session.release();
    assert.equal((await rejection(InferenceSession.create(file))).code, 'ERR_MODEL_NOT_FOUND');
  },

  'mapped, and replaced by deletion': async (engine) => {
    const file = copyOf(engine);
    const session = await InferenceSession.create(file, { mmap: true });
    rmSync(file);
    await assertRuns(session);
    await session.resetVariables();
    await assertRuns(session);
    await session.release();
  },

  'a buffer that is overwritten after create': async (engine) => {
    const bytes = new Uint8Array(readFileSync(smallModel(engine)));
    const session = await InferenceSession.create(bytes);
    bytes.fill(0xff);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    globalThis.gc();
    await session.resetVariables();
    await assertRuns(session);
    await session.release();
  },

  'a file that is rewritten while sessions are created from it': async (engine) => {
    const file = copyOf(engine);
    const good = readFileSync(file);
    const outcomes = [];
    for (let round = 0; round < 30; round++) {
      const created = InferenceSession.create(file);
      writeFileSync(file, round % 2 === 0 ? good.subarray(0, good.length >> 1) : good);
      outcomes.push(...(await Promise.allSettled([created])));
    }
    for (const { value, reason } of outcomes) {
      // Either a session that works, or a typed error.
      if (value === undefined) assert.match(reason.code, /^ERR_MODEL_/);
      else await assertRuns(value, 1);
      await value?.release();
    }
  },

  'creations that nobody waits for': async (engine) => {
    const sessions = Array.from({ length: 20 }, () => InferenceSession.create(smallModel(engine)));
    await Promise.all(
      sessions.map(async (creating) => {
        const session = await creating;
        await assertRuns(session, 2);
        await session.release();
      }),
    );
    InferenceSession.create(smallModel(engine));
  },
});
